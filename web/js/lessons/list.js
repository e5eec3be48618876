// The list of lessons, with how far the learner is in each.

import { element } from "../element.js";

const FILE_NAME = "headwater-lessons.json";

/** What the pane shows when no lesson is open. */
export function listView({ api, progress, index, show, close, redraw }) {
  const t = (key, places) => api.t(`lessons_${key}`, places);
  const problem = element("p", { class: "problem", role: "status", "data-testid": "lessons-file-result" });
  return [
    element("header", {},
      element("h2", { id: "lesson-title", tabindex: "-1" }, t("title")),
      element("button", { type: "button", class: "quiet small", onclick: close, "data-testid": "lessons-close" }, t("close"))),
    element("p", {}, t("intro")),
    element("ol", { class: "lesson-list" }, ...index.map((entry) => item(entry, { api, progress, show, t }))),
    element("div", { class: "lesson-file" },
      element("button", { type: "button", class: "small", "data-testid": "lessons-export", onclick: () => save(progress) }, t("export")),
      fileInput(t, async (file) => {
        try {
          progress.take(await file.text());
          progress.open = "";
          progress.save();
          await redraw();
        } catch {
          problem.textContent = t("file_wrong", { name: file.name }); // Any other file: nothing was changed.
        }
      })),
    problem,
  ];
}

function item({ id, title, summary, minutes, steps }, { api, progress, show, t }) {
  const done = progress.lessons[id]?.done.filter(Boolean).length ?? 0;
  const state = done === steps ? "done" : progress.isBegun(id) ? "begun" : "new";
  return element("li", { "data-state": state },
    element("h3", {}, title[api.language]),
    element("p", {}, summary[api.language]),
    element("p", { class: "hint" }, `${t("minutes", { minutes })} · ${t("steps_done", { done, steps })}`),
    element("progress", { max: steps, value: done, "aria-label": t("steps_done", { done, steps }) }),
    element("button", {
      type: "button", class: state === "done" ? "" : "primary", "data-testid": `lesson-start-${id}`, onclick: () => show(id).catch(reportError),
      "aria-label": `${t(`go_${state}`)}: ${title[api.language]}`,
    }, t(`go_${state}`)));
}

function save(progress) {
  const url = URL.createObjectURL(new Blob([progress.text()], { type: "application/json" }));
  element("a", { href: url, download: FILE_NAME }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function fileInput(t, take) {
  const input = element("input", {
    type: "file", accept: ".json,application/json", hidden: true, "data-testid": "lessons-import",
    onchange: () => { if (input.files.length > 0) take(input.files[0]); },
  });
  const button = element("button", { type: "button", class: "small", onclick: () => input.click() }, t("import"));
  return element("span", {}, button, input);
}
