// What the built worker.js does, and then tells how large the module's memory is.
import init from "../worker_bindgen.js";

const { memory } = await init();
const channel = new BroadcastChannel(location.hash.slice(1));
setInterval(() => channel.postMessage(memory.buffer.byteLength), 100);
