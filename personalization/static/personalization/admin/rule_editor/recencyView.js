// How long ago something happened for the last or the first time, and how regularly it does.

import { el, option } from "./dom.js";
import { durationPart } from "./durationView.js";
import { eventSelect, thresholdSelect } from "./eventView.js";

const AGES = { ">=": "at least", ">": "more than", "<=": "at most", "<": "less than" };
export const AGE_OPERATORS = Object.keys(AGES);

/** “the last time they … was more than 30 days ago” */
export function recency(ui, place) {
  const { leaf } = place;
  const select = el(
    "select",
    { onchange: () => ui.set(leaf, "operator", select.value) },
    ...Object.entries(AGES).map(([value, label]) => option(value, label, leaf.operator)),
  );
  return [
    ...eventSelect(ui, place),
    el("span", {}, "was"),
    ui.control(select, place, "operator", "How long ago", ["operator"]),
    ...durationPart(ui, place, leaf, "value"),
    el("span", {}, "ago"),
  ];
}

/** “regularly … at least 2 times a period of 1 week, in at least 3 of the last 4 periods” */
export function regularity(ui, place) {
  const { leaf } = place;
  return [
    ...eventSelect(ui, place),
    thresholdSelect(ui, place),
    wholeInput(ui, place, "value", "Number of times", { min: 0, max: 1000 }),
    el("span", {}, "times in every"),
    ...durationPart(ui, place, leaf, "period"),
    el("span", {}, "in at least"),
    wholeInput(ui, place, "at_least", "In how many of them", { min: 1, max: 60 }),
    el("span", {}, "of the last"),
    wholeInput(ui, place, "periods", "Of how many", { min: 1, max: 60 }),
  ];
}

function wholeInput(ui, place, key, label, bounds) {
  const input = el("input", {
    type: "number",
    step: 1,
    required: true,
    value: place.leaf[key],
    oninput: () => ui.set(place.leaf, key, input.value === "" ? null : Number(input.value)),
    ...bounds,
  });
  return ui.control(input, place, key, label, [key]);
}
