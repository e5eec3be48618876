// The colours of the page's tokens, light and dark: what is read on what, by the contrast that WCAG wants.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const TEXT = 4.5;
const SHAPE = 3;
const PARTITIONS = [0, 1, 2, 3, 4, 5, 6, 7].map((number) => `p${number}`);
const KINDS = ["producer", "broker", "partition", "group", "record"];
const GROUNDS = ["ground", "panel", "sunken"];

/** What is written on what: colours of texts, and the grounds that they stand on. */
const WRITTEN = [
  [["text", "muted", "accent", "accent-strong"], [...GROUNDS, "tint"]],
  [["text", "good", "bad"], GROUNDS],
  [["text", "warn"], [...GROUNDS, "warn-tint"]],
  [["text", "bad"], ["panel", "bad-tint"]],
  [["on-accent"], ["accent", "accent-strong"]],
  [["on-bad"], ["bad"]],
  [KINDS, ["panel", "sunken"]],
];
/** What is no text: edges of controls, and whatever has a kind's or a partition's colour. */
const DRAWN = [[["edge", "accent", ...KINDS, ...PARTITIONS], ["panel", "sunken"]]];

/** How much of a partition's colour is on its chip in the picture, where its number stands. */
const CHIP = Number(/\.chip \{[^}]*fill-opacity: ([\d.]+)/.exec(await readFile(new URL("../../web/js/picture/style.css", import.meta.url), "utf8"))[1]);

const css = await readFile(new URL("../../web/static/style.css", import.meta.url), "utf8");
const [light, dark] = [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, body]) =>
  Object.fromEntries([...body.matchAll(/--([\w-]+): #([0-9a-f]{6});/g)].map(([, name, hex]) => [name, hex])));

function luminance(hex) {
  const [r, g, b] = hex.match(/../g).map((pair) => parseInt(pair, 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [bright, dim] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dim + 0.05);
}

/** A colour over another, both as six digits. */
function over(front, back, alpha) {
  const channels = (hex) => hex.match(/../g).map((pair) => parseInt(pair, 16));
  const below = channels(back);
  return channels(front).map((channel, at) => Math.round(channel * alpha + below[at] * (1 - alpha)).toString(16).padStart(2, "0")).join("");
}

for (const [scheme, colours] of Object.entries({ light, dark: { ...light, ...dark } })) {
  test(`colours of the ${scheme} scheme can be read, and told from what is behind them`, () => {
    const poor = [];
    for (const [pairs, least] of [[WRITTEN, TEXT], [DRAWN, SHAPE]]) {
      for (const [fronts, backs] of pairs) {
        for (const front of fronts) {
          for (const back of backs) {
            assert.ok(colours[front] && colours[back], `${front} and ${back} are tokens`);
            const ratio = contrast(colours[front], colours[back]);
            if (ratio < least) poor.push(`${front} on ${back}: ${ratio.toFixed(2)}`);
          }
        }
      }
    }
    for (const name of PARTITIONS) {
      for (const back of ["panel", "sunken"]) {
        const ratio = contrast(colours.text, over(colours[name], colours[back], CHIP));
        if (ratio < TEXT) poor.push(`a number on the chip of ${name} on ${back}: ${ratio.toFixed(2)}`);
      }
    }
    assert.deepEqual([...new Set(poor)], []);
  });
}

test("every colour that has a name is another in the dark, and there are eight of partitions", () => {
  assert.deepEqual(Object.keys(light).filter((name) => dark[name] === undefined), []);
  assert.equal(new Set(PARTITIONS.map((name) => light[name])).size, 8);
  assert.equal(new Set(PARTITIONS.map((name) => dark[name])).size, 8);
});
