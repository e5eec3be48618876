// The ordinary worker, until it is told to break: then the module's memory is garbage, as after a bug in it.

let memory;
addEventListener("message", (event) => {
  if (event.data !== "break") return;
  event.stopImmediatePropagation();
  new Uint8Array(memory.buffer).fill(0xff);
});
const { default: init } = await import("../worker_bindgen.js");
({ memory } = await init());
