// What can be said about the accessibility of a page by rules: those of an outside judge, and ours for what it does not see.

import { readFile } from "node:fs/promises";

const ENGINE = new URL("../node_modules/accessibility-checker-engine/ace.js", import.meta.url);

/** What is wrong with a page as it stands, a sentence each, by our own rules. */
export async function problems(page) {
  // A colour that is on its way to another is nobody's choice.
  await page.evaluate(() => Promise.all(document.getAnimations()
    .filter(({ effect }) => effect.getComputedTiming().endTime < Infinity).map(({ finished }) => finished.catch(() => {}))));
  return [...(await page.evaluate(lookAround)), ...(await unnamed(page))];
}

/** What breaks WCAG 2.2 (A and AA) for sure, as the engine of IBM's checker sees it: not what it asks a person to look at. */
export async function violations(page, part = "html") {
  if (!(await page.evaluate(() => "ace" in globalThis))) await page.evaluate(`${await readFile(ENGINE, "utf8")}; globalThis.ace ??= ace; 0`);
  const { ran, found } = await page.evaluate(judge, part);
  if (ran < 100) throw new Error(`the engine has judged ${ran} times only: it does not see the page`);
  return found;
}

/** Runs in the page. */
async function judge(part) {
  const { results, numExecuted } = await new globalThis.ace.Checker().check(document.querySelector(part), ["WCAG_2_2"]);
  const found = results.filter(({ value: [policy, outcome], ruleId, node }) => policy === "VIOLATION" && outcome === "FAIL" &&
    // It goes into what is folded away, and finds no labels there; a form without a name is no landmark (HTML-AAM).
    node.checkVisibility?.() !== false && !(ruleId === "aria_form_label_unique" && node.matches("form:not([aria-label],[aria-labelledby])")));
  return { ran: numExecuted, found: found.map(({ ruleId, message, snippet }) => `${ruleId}: ${message} (${snippet.slice(0, 150)})`) };
}

// In the browser's own accessibility tree: what can be operated, or stands for a picture, has to have a name.
const NAMED = new Set(["button", "textbox", "searchbox", "combobox", "checkbox", "radio", "link", "slider", "spinbutton", "tab", "dialog",
  "img", "image", "graphics-symbol", "region", "log", "progressbar", "meter", "option", "listbox", "DisclosureTriangle"]);

async function unnamed(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  return nodes.filter(({ ignored, role, name }) => !ignored && NAMED.has(role?.value) && !name?.value?.trim())
    .map(({ role, properties }) => `a ${role.value} has no name (${JSON.stringify(properties?.slice(0, 3))})`);
}

/** Runs in the page. */
function lookAround() {
  const found = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const short = (node) => `<${node.localName} class="${node.getAttribute("class") ?? ""}"> ${node.textContent.trim().slice(0, 40)}`;

  const headings = all("h1,h2,h3,h4,h5,h6").filter(shown);
  if (headings.filter(({ localName }) => localName === "h1").length !== 1) found.push("there is not one h1");
  const level = ({ localName }) => Number(localName[1]);
  headings.forEach((heading, at) => {
    if (at > 0 && level(heading) > level(headings[at - 1]) + 1) found.push(`a heading skips a level: ${short(heading)}`);
    if (heading.textContent.trim() === "") found.push(`an empty heading: ${short(heading)}`);
  });

  if (all("main").filter(shown).length !== 1) found.push("there is not one main");
  const ids = all("[id]").map(({ id }) => id);
  for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at))) found.push(`two elements have the id ${id}`);
  // Who speaks to the page says what is to be seen (WCAG 2.5.3); the engine knows names by aria-label, and not these.
  const told = (node) => (node.nodeType === Node.TEXT_NODE ? node.data
    : node.nodeType !== Node.ELEMENT_NODE || node.ariaHidden === "true" || node.localName === "title" || !shown(node) ? "" : [...node.childNodes].map(told).join(" "));
  const plain = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
  for (const node of all("summary[aria-label],svg [role=button]:has(> title)").filter(shown)) {
    const name = node.ariaLabel ?? node.querySelector(":scope > title").textContent;
    if (!plain(name).includes(plain(told(node)))) found.push(`"${told(node).trim()}" is seen on what is called "${name}"`);
  }
  for (const node of all("[tabindex]")) if (node.tabIndex > 0) found.push(`${short(node)} is out of the order of the document`);
  for (const node of all("li")) if (!node.closest("ul,ol")?.matches(":not([role]),[role=list]")) found.push(`no list around ${short(node)}`);
  const REACHED = "a[href],button:not([disabled]),input:not([disabled]),select,textarea,[tabindex='0']";
  for (const node of all("main *").filter(shown)) {
    const { overflowX, overflowY } = getComputedStyle(node);
    const scrolls = (/auto|scroll/.test(overflowY) && node.scrollHeight > node.clientHeight + 1) || (/auto|scroll/.test(overflowX) && node.scrollWidth > node.clientWidth + 1);
    if (scrolls && !node.matches(REACHED) && !node.querySelector(REACHED)) found.push(`it scrolls, and the keyboard does not reach it: ${short(node)}`);
  }

  // Contrast of every text with what is behind it; what is disabled is left out, as WCAG does.
  const parse = (color) => (color.match(/[\d.]+%?/g) ?? []).map(Number);
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    if (color.startsWith("rgb")) {
      const [r, g, b, a = 1] = parse(color);
      return [r, g, b, a];
    }
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = color;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((channel, at) => channel * a + below[at] * (1 - a));
  const behind = (node) => {
    const layers = [];
    for (let one = node; one; one = one.parentElement) {
      const color = rgba(getComputedStyle(one).backgroundColor);
      if (color[3] > 0) layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const luminance = (color) => color.map((channel) => channel / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (seen.has(node) || walker.currentNode.data.trim() === "" || !shown(node) || node.closest(":disabled,svg,.visually-hidden,.skip,option")) continue;
    seen.add(node);
    const style = getComputedStyle(node);
    const back = behind(node);
    const [one, other] = [luminance(over(rgba(style.color), back)), luminance(back)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`contrast ${ratio.toFixed(2)}: ${short(node)}`);
  }
  return found;
}

/**
 * Goes through the page by Tab once around and answers what was reached, as `{ name, seen }`: whether focus could be seen there.
 */
export async function tabStops(page, most = 400) {
  await page.evaluate(() => {
    globalThis.__stops = new Set();
    document.querySelector("a[href],button,input,select,[tabindex]").focus({ focusVisible: true });
  });
  const stops = [];
  for (; stops.length < most; await page.keyboard.press("Tab")) {
    const stop = await page.evaluate(() => {
      const node = document.activeElement;
      if (node === null || node === document.body || globalThis.__stops.has(node)) return null;
      globalThis.__stops.add(node);
      const style = getComputedStyle(node);
      const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      const inner = [...node.querySelectorAll("*")].some((child) => getComputedStyle(child).outlineStyle !== "none");
      const ringed = node instanceof SVGElement && [node, ...node.children].some((one) => parseFloat(getComputedStyle(one).strokeWidth) >= 2);
      return { name: node.dataset.testid ?? node.dataset.key ?? node.getAttribute("class") ?? node.localName, seen: outlined || inner || ringed };
    });
    if (stop === null) return stops;
    stops.push(stop);
  }
  throw new Error(`more than ${most} stops: focus does not come around`);
}
