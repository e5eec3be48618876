// A set-up as the fragment of an address, and back: compressed JSON in base64url behind a version and a checksum, so that a link
// that was cut off or damaged on its way says so.

/** What a fragment of ours begins with. */
export const PREFIX = "#setup=";
const VERSION = 1;
/** No longer fragment is read: far more than a person has set up, and less than browsers refuse. */
export const MAX_FRAGMENT = 200_000;
const MAX_JSON = 1_000_000;
const CHECKSUM_BYTES = 6;

/** Why a link cannot be read: `code` is `not-ours`, `too-long`, `newer` or `damaged`. */
export class LinkError extends Error {
  constructor(code) {
    super(`the link cannot be read: ${code}`);
    this.code = code;
  }
}

/** The fragment of a set-up. */
export async function pack(setup) {
  const bytes = await through(new TextEncoder().encode(JSON.stringify(setup)), new CompressionStream("deflate-raw"), Infinity);
  const fragment = `${PREFIX}${VERSION}.${await checksum(bytes)}.${toBase64(bytes)}`;
  if (fragment.length > MAX_FRAGMENT) throw new LinkError("too-long");
  return fragment;
}

/** What is in a fragment: any JSON value, to be looked at by `checkSetup`; or a `LinkError`. */
export async function unpack(fragment) {
  if (!fragment.startsWith(PREFIX)) throw new LinkError("not-ours");
  if (fragment.length > MAX_FRAGMENT) throw new LinkError("too-long");
  const [, version, sum, data] = /^(\d{1,9})(?:\.([\w-]*))?(?:\.([\w-]*))?/.exec(fragment.slice(PREFIX.length)) ?? [];
  if (Number(version) > VERSION) throw new LinkError("newer");
  if (Number(version) !== VERSION || !sum || !data || fragment !== `${PREFIX}${version}.${sum}.${data}`) throw new LinkError("damaged");
  try {
    const bytes = fromBase64(data);
    if ((await checksum(bytes)) !== sum) throw new LinkError("damaged");
    const json = await through(bytes, new DecompressionStream("deflate-raw"), MAX_JSON);
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch (error) {
    throw error instanceof LinkError ? error : new LinkError("damaged");
  }
}

async function through(bytes, stream, most) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const pieces = [];
  for (let length = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(pieces).arrayBuffer());
    pieces.push(value);
    length += value.length;
    if (length > most) {
      await reader.cancel();
      throw new LinkError("too-long");
    }
  }
}

async function checksum(bytes) {
  return toBase64(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).subarray(0, CHECKSUM_BYTES));
}

function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function fromBase64(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}
