// The tools in the page's head: the language.

import { LANGUAGES } from "./language.js";
import { element } from "./element.js";

/** Puts the tools into their place, now and whenever that is made anew. */
export function openTools(api) {
  const show = () => {
    const options = Object.entries(LANGUAGES).map(([value, name]) =>
      element("option", { value, selected: value === api.language, lang: value }, name));
    const select = element("select", {
      "data-testid": "language",
      "aria-label": api.t("language"),
      onchange: () => api.setLanguage(select.value).catch(reportError),
    }, ...options);
    document.getElementById("tools")?.replaceChildren(select);
  };
  api.addEventListener("mounted", show);
  show();
}
