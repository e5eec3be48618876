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
    ...(api.gateway === undefined ? [tool(api, "lessons-open", "lessons", "toggleLessons")] : []),
    tool(api, "code", "code", "toggleCode"),
    inspectTool(api),
    tool(api, "share", "share", "shareSetup"),
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
  if (api.gateway === undefined && openLesson() !== undefined) api.use("lessons", "openLessons");
}

/** What opens a part, which comes when it is wanted. */
function tool(api, id, part, name) {
  return element("button", { type: "button", "data-testid": id, onclick: () => api.use(part, name) }, api.t(part));
}

/** The way to everything on the picture without the picture. */
function inspectTool(api) {
  const choose = () => api.dispatchEvent(new CustomEvent("choose", { detail: { kind: "overview" } }));
  return element("button", { type: "button", "data-testid": "inspect", onclick: choose }, api.t("inspect"));
}

/** What a link brings is shown, not done. */
function openLink(api) {
  if (location.hash.startsWith("#setup=")) api.use("share", "openLink");
}

function languageTool(api) {
  const options = Object.entries(LANGUAGES).map(([value, name]) =>
    element("option", { value, selected: value === api.language, lang: value }, name));
  const select = element("select", {
    "data-testid": "language",
    "aria-label": api.t("language"),
    onchange: () => api.setLanguage(select.value).catch((error) => {
      select.value = api.language;
      api.failed(error);
    }),
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
