// What of the picture is chosen, by pointer and by keyboard. A thing that is drawn has a key, a record that moves a place.

/** A dot is met within so many pixels. */
const TOUCH = 11;

/** Listens in the picture's place; `items` gives what its keys stand for, `drawn` what moves and where. */
export function openChoosing(api, place, { items, drawn }) {
  const choose = (detail) => api.dispatchEvent(new CustomEvent("choose", { detail }));
  const take = (key) => {
    const detail = items().get(key);
    if (detail?.kind === "terminate" || detail?.kind === "start") api.act(`${detail.kind}-worker`, detail.host);
    else if (detail) choose(detail);
  };
  place.addEventListener("click", (event) => {
    const box = place.getBoundingClientRect();
    const flight = touched(drawn(), event.clientX - box.left, event.clientY - box.top);
    if (flight === undefined) return take(event.target.closest?.("[data-key]")?.dataset.key);
    const { topic, partition, offset } = flight;
    choose({ kind: "record", topic, partition, offset: BigInt(offset) });
  });
  place.addEventListener("keydown", (event) => {
    const keys = [...place.querySelectorAll("[data-key]")];
    const here = keys.indexOf(document.activeElement);
    if (here < 0) return;
    if (event.key === "Enter" || event.key === " ") take(keys[here].dataset.key);
    else if (!walk(keys, here, event.key)) return;
    event.preventDefault();
  });
}

/** One stop of the tab key for the whole picture; arrows go through it. */
function walk(keys, here, key) {
  const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, Home: -here, End: keys.length - 1 - here };
  if (!(key in steps)) return false;
  keys[(here + steps[key] + keys.length) % keys.length].focus();
  return true;
}

/** The flight nearest to a place, if one is near. */
function touched(drawn, x, y) {
  const near = drawn.map((one) => ({ ...one, far: Math.hypot(one.x - x, one.y - y) })).sort((a, b) => a.far - b.far)[0];
  return near?.far <= TOUCH ? near.flight : undefined;
}
