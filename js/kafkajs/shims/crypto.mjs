// Random bytes. What SASL needs is left out: between a page and its own workers there is nobody to log in to.

import { Buffer } from "buffer";

export const randomBytes = (size) => crypto.getRandomValues(Buffer.alloc(size));

export default { randomBytes };
