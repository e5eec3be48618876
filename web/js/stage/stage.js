// The picture: producers, brokers with their partitions, and groups, with records moving between them.

/** Puts the picture into its place, now and whenever that is made anew. */
export function openStage(api) {
  const show = () => document.getElementById("stage")?.replaceChildren();
  api.addEventListener("mounted", show);
  show();
}
