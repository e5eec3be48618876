// Loads the page's code and its words, or says why it cannot; then starts what of the page is JavaScript.

import { api } from "./api.js";
import { chosenLanguage, loadWords } from "./language.js";
import { applyTheme, chosenTheme } from "./theme.js";
import { openTools } from "./tools.js";
import { openWorkbench } from "./workbench.js";
import { openStage } from "./stage/stage.js";

const fail = (reason) => {
  const place = document.querySelector("#app .loading");
  if (place) {
    place.setAttribute("role", "alert");
    place.textContent = `Headwater could not be loaded: ${reason}`;
  }
};

async function start() {
  const language = chosenLanguage();
  const [app, words] = await Promise.all([import(new URL("./app.js", import.meta.url)), loadWords(language)]);
  globalThis.headwater = api.forTheApp(language, words);
  await app.default({ module_or_path: new URL("./app_bg.wasm", import.meta.url) });
  openTools(api);
  openStage(api);
  openWorkbench(api);
}

applyTheme(chosenTheme());
if (typeof WebAssembly === "object") start().catch((error) => fail(error?.message ?? error));
else fail("this browser has no WebAssembly.");
