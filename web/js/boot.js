// Loads the page's code and its words, or says why it cannot; then starts what of the page is JavaScript.

import { api } from "./api.js";
import { chosenLanguage, documentLanguage, loadWords } from "./language.js";
import { keepForOffline } from "./offline/offline.js";
import { applyTheme, chosenTheme } from "./theme.js";
import { openTools } from "./tools.js";
import { openWorkbench } from "./workbench.js";
import { openStage } from "./stage/stage.js";
import { openTime } from "./time/time.js";

// What is said while there is no table of words, or none can be loaded.
const FIRST_WORDS = {
  en: {
    loading: "Headwater is loading …",
    failed: (reason) => `Headwater could not be loaded: ${reason} Load the page again; if that does not help, try another browser.`,
    noWebAssembly: "this browser has no WebAssembly.",
  },
  zh: {
    loading: "Headwater 正在加载…",
    failed: (reason) => `无法加载 Headwater：${reason} 请重新加载页面；如果仍然不行，请换一个浏览器。`,
    noWebAssembly: "这个浏览器不支持 WebAssembly。",
  },
};
const language = chosenLanguage();
const words = FIRST_WORDS[language];

function say(text, role) {
  const place = document.querySelector("#app .loading");
  place?.setAttribute("role", role);
  if (place) place.textContent = text;
}

const fail = (reason) => say(words.failed(reason), "alert");

async function start() {
  const [app, tables] = await Promise.all([import(new URL("./app.js", import.meta.url)), loadWords(language)]);
  globalThis.headwater = api.forTheApp(language, tables);
  await withBrokers(() => app.default({ module_or_path: new URL("./app_bg.wasm", import.meta.url) }));
  openTools(api);
  openStage(api);
  openTime(api);
  openWorkbench(api);
  api.use("panels", "open");
  // What shows a thing closely is loaded with the first one that is chosen.
  api.addEventListener("choose", ({ detail }) => api.use("inspect", "inspect", detail));
  // A server that is away has no page to show.
  if (api.gateway === undefined) keepForOffline();
}

// `headwater serve --ui` says in the page that it serves how many brokers it has.
async function withBrokers(run) {
  const served = document.querySelector('meta[name="headwater-gateway"]')?.content;
  if (served === undefined) return run();
  return (await api.load("gateway")).startWithGateway(api, Number(served), run);
}

applyTheme(chosenTheme());
documentLanguage(language);
say(words.loading, "status");
if (typeof WebAssembly === "object") start().catch((error) => fail(`${error?.message ?? error}.`));
else fail(words.noWebAssembly);
