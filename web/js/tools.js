// The tools in the page's head: the list of everything there is, the language and the theme.

import { LANGUAGES } from "./language.js";
import { chosenTheme, onSystemTheme, setTheme, applyTheme, THEMES } from "./theme.js";
import { element } from "./element.js";
import { openLesson } from "./lessons/kept.js";

/** Puts the tools into their place, now and whenever that is made anew. */
export function openTools(api) {
  const themed = () => api.dispatchEvent(new Event("theme"));
  const show = () => document.getElementById("tools")?.replaceChildren(
    // A lesson makes and clears what it needs, and ends brokers: that is nothing for a server that others use.
    ...(api.gateway === undefined ? [lessonsTool(api)] : []),
    codeTool(api),
    inspectTool(api),
    shareTool(api),
    languageTool(api),
    themeTool(api, themed),
  );
  onSystemTheme(() => {
    applyTheme(chosenTheme());
    themed();
  });
  api.addEventListener("mounted", show);
  show();
  addEventListener("hashchange", () => openLink(api));
  openLink(api);
  if (api.gateway === undefined && openLesson() !== undefined) api.load("lessons").then((lessons) => lessons.openLessons(api)).catch(reportError);
}

/** Lessons come when they are wanted, and again after a reload if they were open. */
function lessonsTool(api) {
  const open = () => api.load("lessons").then((lessons) => lessons.toggleLessons(api)).catch(reportError);
  return element("button", { type: "button", "data-testid": "lessons-open", onclick: open }, api.t("lessons"));
}

/** The way to everything on the picture without the picture. */
function inspectTool(api) {
  const choose = () => api.dispatchEvent(new CustomEvent("choose", { detail: { kind: "overview" } }));
  return element("button", { type: "button", "data-testid": "inspect", onclick: choose }, api.t("inspect"));
}

/** A link to what there is now. */
function shareTool(api) {
  const share = () => api.load("share").then(({ shareSetup }) => shareSetup(api)).catch(reportError);
  return element("button", { type: "button", "data-testid": "share", onclick: share }, api.t("share"));
}

/** What a link brings is shown, not done. */
function openLink(api) {
  if (location.hash.startsWith("#setup=")) api.load("share").then((share) => share.openLink(api)).catch(reportError);
}

function codeTool(api) {
  const toggle = () => api.load("code").then(({ toggleCode }) => toggleCode(api)).catch(reportError);
  return element("button", { type: "button", "data-testid": "code", onclick: toggle }, api.t("code"));
}

function languageTool(api) {
  const options = Object.entries(LANGUAGES).map(([value, name]) =>
    element("option", { value, selected: value === api.language, lang: value }, name));
  const select = element("select", {
    "data-testid": "language",
    "aria-label": api.t("language"),
    onchange: () => api.setLanguage(select.value).catch(reportError),
  }, ...options);
  return select;
}

function themeTool(api, themed) {
  const chosen = chosenTheme();
  const options = THEMES.map((value) => element("option", { value, selected: value === chosen }, api.t(`theme_${value}`)));
  const select = element("select", {
    "data-testid": "theme",
    "aria-label": api.t("theme"),
    onchange: () => {
      setTheme(select.value);
      themed();
    },
  }, ...options);
  return select;
}
