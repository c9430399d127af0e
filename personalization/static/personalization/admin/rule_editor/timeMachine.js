// What the rule would have done in the days that have passed.

import { el, option } from "./dom.js";
import { createPanel } from "./panel.js";

const SPANS = [7, 30, 90];
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 60;
const STEP = 10; // width of a day in the drawing, with the gap after it

export function createTimeMachine(addresses, request) {
  const days = el(
    "select",
    { "aria-label": "How far back" },
    ...SPANS.map((n) => option(String(n), `the last ${n} days`, "30")),
  );
  const whom = el(
    "select",
    { "aria-label": "For whom" },
    option("some", "for a sample of visitors", "some"),
    option("all", "for everybody", "some"),
  );
  return createPanel({
    name: "time-machine",
    title: "Time machine",
    verb: "Replay",
    address: addresses.replay,
    request,
    controls: [el("span", {}, "What the rule would have done in"), days, whom],
    options: () => ({ days: Number(days.value), everybody: whom.value === "all" }),
    lines: true,
    draw,
  });
}

function draw({ sentence, facts, overlaps, days, caption }) {
  return [
    el("p", { class: "pz-sentence" }, sentence),
    ...facts.map((fact) => el("p", { class: "pz-quiet" }, fact)),
    ...(overlaps.length ? [el("ul", { class: "pz-overlaps" }, ...overlaps.map(overlap))] : []),
    ...(days.length ? [el("figure", { class: "pz-days" }, chart(days, caption), legend(days))] : []),
  ];
}

function overlap({ words, percent }) {
  return el(
    "li",
    {},
    el("meter", { min: 0, max: 100, value: percent, "aria-hidden": "true" }),
    " ",
    el("span", {}, words),
  );
}

/** A bar for each day. Attributes, not styles: the policy of a page may forbid those. */
function chart(days, caption) {
  const most = Math.max(1, ...days.map((day) => day.entries));
  const box = `0 0 ${days.length * STEP} ${HEIGHT}`;
  const drawing = shape("svg", {
    viewBox: box, preserveAspectRatio: "none", role: "img", "aria-label": caption,
  });
  for (const [index, { entries, words }] of days.entries()) {
    const height = entries ? Math.max(2, (entries / most) * HEIGHT) : 0;
    const bar = shape("rect", {
      x: index * STEP, y: HEIGHT - height, width: STEP - 2, height,
    });
    const title = shape("title");
    title.textContent = words;
    bar.append(title);
    drawing.append(bar);
  }
  return drawing;
}

function legend(days) {
  return el(
    "figcaption",
    { class: "pz-quiet" },
    el("span", {}, days[0].label),
    el("span", {}, "entries per day"),
    el("span", {}, days.at(-1).label),
  );
}

function shape(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
