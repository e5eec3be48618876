// A broker's database, row by row, past the program that wrote it.

const STORES = ["chunk", "snapshot", "meta"];

const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const ended = (transaction) => new Promise((resolve, reject) => {
  transaction.oncomplete = resolve;
  transaction.onabort = () => reject(transaction.error);
});
const toBase64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/** Opens a database as it is; `change` may change its version. */
export function openDatabase(name, version, change = () => undefined) {
  const request = indexedDB.open(name, version);
  request.onupgradeneeded = () => change(request.result);
  return settled(request);
}

/** `{ version, rows: { store: [[key, value]] } }`, all bytes in Base64; keys of `meta` are text. Without the reserve, which is large and of no content. */
export async function dump(name) {
  const database = await openDatabase(name);
  const rows = {};
  for (const store of STORES) {
    const all = database.transaction(store).objectStore(store);
    const [keys, values] = await Promise.all([settled(all.getAllKeys()), settled(all.getAll())]);
    const kept = keys.map((key, index) => [key, values[index]]).filter(([key]) => key !== "reserve");
    rows[store] = kept.map(([key, value]) => [typeof key === "string" ? key : toBase64(key), toBase64(value)]);
  }
  const { version } = database;
  database.close();
  return { version, rows };
}

/** Makes a database of what `dump` gave. */
export async function restore(name, { version, rows }) {
  const database = await openDatabase(name, version, (made) => STORES.forEach((store) => made.createObjectStore(store)));
  const transaction = database.transaction(STORES, "readwrite");
  for (const store of STORES) {
    for (const [key, value] of rows[store]) {
      transaction.objectStore(store).put(fromBase64(value), store === "meta" ? key : fromBase64(key));
    }
  }
  await ended(transaction);
  database.close();
}

/** Changes rows of a store: `change` gets key and value as bytes, and answers the new value, null to delete it, or nothing. */
export async function rewrite(name, store, change) {
  const database = await openDatabase(name);
  const transaction = database.transaction(store, "readwrite");
  const rows = transaction.objectStore(store);
  const [keys, values] = await Promise.all([settled(rows.getAllKeys()), settled(rows.getAll())]);
  keys.forEach((key, index) => {
    const changed = change(new Uint8Array(key), new Uint8Array(values[index]));
    if (changed === null) rows.delete(key);
    else if (changed !== undefined) rows.put(changed, key);
  });
  await ended(transaction);
  database.close();
}
