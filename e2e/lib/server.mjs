// A static host that knows nothing of the playground: the built folder under a sub-path, and beside it the modules
// that tests import into pages.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const IN_PAGE = fileURLToPath(new URL("./in-page/", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".wasm": "application/wasm",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".gz": "application/gzip",
};

/** The folder that is tested: what `cargo xtask` built and names in a variable, or the ordinary one. */
export const DIST = process.env.HEADWATER_DIST ?? fileURLToPath(new URL("../../dist/", import.meta.url));

/**
 * Serves the built folder at `base` and the modules of `lib/in-page/` at `base` + `e2e/`.
 *
 * `folders` adds more: a path below `base` → a folder. Answers `{ url, origin, requests, close }`; `requests` are the
 * paths asked for so far.
 */
export async function serve({ base = "/some/where/", folders = {} } = {}) {
  const places = [...Object.entries(folders).map(([path, folder]) => [base + path, folder]),
    [`${base}e2e/`, IN_PAGE], [base, DIST]];
  const requests = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://host").pathname);
    requests.push(path);
    const file = await fileFor(places, path);
    if (file === undefined) {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("there is no such file");
      return;
    }
    response.writeHead(200, {
      "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
      "Cache-Control": "no-cache",
    });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const close = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return { origin, url: origin + base, requests, close };
}

async function fileFor(places, path) {
  const place = places.find(([prefix]) => path.startsWith(prefix));
  if (place === undefined || normalize(path) !== path) return undefined;
  const [prefix, folder] = place;
  const file = join(folder, path.slice(prefix.length) || "index.html");
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? file : undefined;
}
