// A length of time: a number and its unit.

import { el, option } from "./dom.js";
import { UNITS, typedDuration, writeDuration } from "./duration.js";

/**
 * Make the two controls of the duration that `owner` holds as `key`.
 *
 * `tail` is where problems with it point, below the place; `labels` are the names of the two.
 */
export function durationPart(ui, place, owner, key, { tail = key, labels = LABELS } = {}) {
  const { number, unit } = typedDuration(owner[key]);
  const write = () => {
    // What is no whole number is left for the server to refuse, at this line.
    const n = /^\d+$/.test(input.value) ? Number(input.value) : input.value;
    ui.set(owner, key, writeDuration(n, units.value));
    name();
  };
  const name = () => {
    for (const unit of units.options) unit.textContent = named(unit.value, input.value);
  };
  const input = el("input", {
    type: "number", min: 1, step: 1, required: true, value: number, oninput: write,
  });
  const offered = UNITS.includes(unit) ? UNITS : ["seconds", ...UNITS];
  const units = el(
    "select",
    { onchange: write },
    ...offered.map((each) => option(each, named(each, number), unit)),
  );
  ui.control(input, place, tail, labels[0], [tail]);
  ui.control(units, place, `${tail}:unit`, labels[1], []);
  return [el("span", { class: "pz-pair" }, input, units)];
}

const LABELS = ["Length of time", "Unit of time"];

/** “days”, but “1 day” */
function named(unit, number) {
  return String(number) === "1" ? unit.slice(0, -1) : unit;
}
