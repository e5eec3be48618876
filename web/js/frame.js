// Drawing in step with the browser.

/** Does `act` in the next frame, once, however often the function it gives is called until then. */
export function onceAFrame(act) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      act();
    });
  };
}
