// Loads the page's code, or says why it cannot.
const fail = (reason) => {
  const place = document.querySelector("#app .loading");
  if (place) {
    place.setAttribute("role", "alert");
    place.textContent = `Headwater could not be loaded: ${reason}`;
  }
};

if (typeof WebAssembly === "object") {
  import("./app.js")
    .then((app) => app.default({ module_or_path: new URL("./app_bg.wasm", import.meta.url) }))
    .catch((error) => fail(error?.message ?? error));
} else {
  fail("this browser has no WebAssembly.");
}
