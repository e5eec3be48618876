// SVG that follows a description: only what differs is touched.

import { svg } from "../element.js";

/**
 * Makes the children of `parent` those described: `[key, name, attributes, content]` each, `content` a text or an array of
 * the same. What keeps its key keeps its element, and so the focus.
 */
export function patch(parent, described) {
  const before = parent.described ?? new Map();
  const after = new Map();
  const names = new Map(described.map(([key, name]) => [key, name]));
  for (const [key, { node, name }] of before) if (names.get(key) !== name) node.remove();
  let next = parent.firstChild;
  for (const [key, name, attributes, content] of described) {
    let one = before.get(key);
    if (one?.name !== name) one = { name, node: svg(name), attributes: {}, text: undefined };
    dress(one, attributes);
    if (Array.isArray(content)) patch(one.node, content);
    else if (one.text !== content) one.node.textContent = one.text = content;
    if (one.node !== next) parent.insertBefore(one.node, next);
    next = one.node.nextSibling;
    after.set(key, one);
  }
  parent.described = after;
}

function dress(one, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (one.attributes[name] === value) continue;
    if (value === undefined || value === false) one.node.removeAttribute(name);
    else one.node.setAttribute(name, value);
  }
  for (const name of Object.keys(one.attributes)) if (!(name in attributes)) one.node.removeAttribute(name);
  one.attributes = attributes;
}
