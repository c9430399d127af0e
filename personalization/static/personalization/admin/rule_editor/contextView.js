// What the page asked for says by itself: device, campaign, hour. Known only at that moment.

import { el, option } from "./dom.js";
import { setOperator } from "./rule.js";
import { valuePart } from "./valueView.js";

const BETWEEN = { value: "between", label: "is from … to" };
const ENDS = ["from", "to"];

/** “hour of the day is from 18 to 23 o'clock”, “device is mobile” */
export function context(ui, place) {
  const { leaf } = place;
  const field = ui.catalogue.field("context", leaf.field);
  const type = field?.type ?? "text";
  const offered = ui.catalogue.operatorsFor(type);
  const operators = leaf.field === "hour" ? [BETWEEN, ...offered] : offered;
  const select = el(
    "select",
    {
      onchange: () => {
        if (select.value === "between") setBetween(leaf);
        else setOperator(leaf, select.value, type);
        ui.redraw();
      },
    },
    ...operators.map((known) => option(known.value, known.label, leaf.operator)),
  );
  const operator = ui.control(select, place, "operator", "Comparison", ["operator"]);
  if (leaf.operator === "between") return [operator, ...hours(ui, place)];
  return [operator, ...valuePart(ui, place, type, { choices: field?.values })];
}

function setBetween(leaf) {
  leaf.operator = "between";
  leaf.value = [18, 23];
}

function hours(ui, place) {
  const [from, to] = ENDS.map((end, index) => hourInput(ui, place, index, end));
  return [from, el("span", {}, "to"), to, el("span", {}, "o'clock")];
}

function hourInput(ui, place, index, end) {
  const { leaf } = place;
  const input = el("input", {
    type: "number",
    min: 0,
    max: 24,
    step: 1,
    required: true,
    value: leaf.value[index],
    oninput: () => {
      leaf.value[index] = input.value === "" ? null : Number(input.value);
      ui.set(leaf, "value", leaf.value);
    },
  });
  return ui.control(input, place, end, `Hour ${end}`, [`value/${index}`, "value"]);
}
