// What the page remembers of how it was set up: a few short values in the browser's local storage.

/** The value kept under this key, or `undefined`. */
export function recall(key) {
  try {
    return globalThis.localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined; // A browser may refuse its storage altogether: then each visit is the first.
  }
}

/** Keeps a value, or with `undefined` none any more; false where the browser keeps nothing. */
export function remember(key, value) {
  try {
    if (value === undefined) globalThis.localStorage.removeItem(key);
    else globalThis.localStorage.setItem(key, value);
    return true;
  } catch {
    return false; // Refused or full: the choice holds until the page is closed.
  }
}
