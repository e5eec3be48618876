// The records that move: one canvas above the part of the diagram where they do, drawn only while something is on its way.

import { at } from "./model.js";
import { along, appendRoad, fetchRoad, readerOf } from "./layout.js";
import { packetWidth } from "./motion.js";

/** Draws flights over a layout on a canvas. */
export class Moving {
  #canvas;
  #drawing;
  #colours;
  #layout;
  #place;
  /** What is drawn: `{ x, y, flight }` each. */
  drawn = [];

  constructor(canvas) {
    this.#canvas = canvas;
    this.#drawing = canvas.getContext("2d");
  }

  /** The picture below is another one. */
  lieAbove(layout) {
    this.#layout = layout;
    const sharp = Math.min(2, globalThis.devicePixelRatio || 1);
    const { x, y, width, height } = layout.roam;
    const place = `left:${x}px;top:${y}px;width:${width}px;height:${height}px`;
    if (this.#place === place + sharp) return;
    this.#place = place + sharp;
    Object.assign(this.#canvas, { width: width * sharp, height: height * sharp, style: place });
    this.#drawing.setTransform(sharp, 0, 0, sharp, -x * sharp, -y * sharp);
  }

  /** The colours are others. */
  recolour() {
    this.#colours = undefined;
  }

  /** Draws what is flying, in place of what was drawn before. */
  draw(flying, brief) {
    const drawing = this.#drawing;
    const layout = this.#layout;
    this.drawn = [];
    if (layout === undefined) return;
    this.#colours ??= colours(this.#canvas);
    drawing.clearRect(0, 0, layout.width, layout.height);
    for (const { flight, part } of flying) {
      const road = roadOf(layout, flight);
      if (road === undefined) continue;
      const colour = this.#colours.partitions[flight.partition % 8];
      if (flight.records === 1) this.#dot(road, part, colour);
      else this.#packet(along(road, part), flight.records, colour, brief);
      const [x, y] = along(road, part);
      this.drawn.push({ x, y, flight });
    }
  }

  #dot(road, part, colour) {
    const drawing = this.#drawing;
    drawing.fillStyle = colour;
    drawing.strokeStyle = this.#colours.paper;
    drawing.lineWidth = 1.5;
    for (let tail = 5; tail >= 0; tail--) {
      const [x, y] = along(road, Math.max(0, part - tail * 0.009));
      // What is written there can be read all the time.
      const faint = x > road.words[0] && x < road.words[1] ? 0.3 : 1;
      drawing.globalAlpha = (tail === 0 ? 1 : 0.34 - tail * 0.06) * faint;
      drawing.beginPath();
      drawing.arc(x, y, tail === 0 ? 5 : 4.4 - tail * 0.5, 0, 7);
      drawing.fill();
    }
    drawing.stroke();
    drawing.globalAlpha = 1;
  }

  #packet([x, y], records, colour, brief) {
    const drawing = this.#drawing;
    const text = brief(records);
    const width = Math.max(packetWidth(records), text.length * 6.5 + 10);
    drawing.fillStyle = colour;
    drawing.strokeStyle = this.#colours.paper;
    drawing.lineWidth = 1.5;
    drawing.beginPath();
    drawing.roundRect(x - width / 2, y - 9, width, 18, 9);
    drawing.fill();
    drawing.stroke();
    drawing.fillStyle = this.#colours.paper;
    drawing.font = "600 11px system-ui, sans-serif";
    drawing.textAlign = "center";
    drawing.fillText(text, x, y + 4);
  }
}

function roadOf(layout, { kind, clientId, topic, partition, offset }) {
  const row = layout.logs.get(at(topic, partition));
  if (kind === "append") return appendRoad(layout, layout.producers.get(clientId), row);
  return fetchRoad(layout, row, readerOf(layout, clientId, topic, partition), offset);
}

function colours(element) {
  const style = getComputedStyle(element);
  const of = (name) => style.getPropertyValue(name).trim();
  return { partitions: Array.from({ length: 8 }, (_, i) => of(`--p${i}`)), paper: of("--panel") };
}
