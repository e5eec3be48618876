// gzip with the browser's own codec.

import { Buffer } from "buffer";

function through(stream, bytes, done) {
  const whole = new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer();
  whole.then((buffer) => done(null, Buffer.from(buffer)), done);
}

export const gzip = (bytes, done) => through(new CompressionStream("gzip"), bytes, done);
export const unzip = (bytes, done) => through(new DecompressionStream("gzip"), bytes, done);

export default { gzip, unzip };
