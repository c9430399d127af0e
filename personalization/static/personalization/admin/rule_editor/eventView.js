// How often something happened, or what its numbers come to.

import { el, option, optionGroup } from "./dom.js";
import { MEASURES, OF_NUMBERS, setMeasure } from "./measure.js";

/** The events a line may name, as options; `chosen` is the name of the one it has, or null. */
export function eventOptions(ui, chosen, prefix = "") {
  const { catalogue } = ui;
  const known = chosen === "*" || catalogue.event(chosen);
  const selected = known ? `${prefix}${chosen}` : chosen !== null && prefix;
  return [
    ...catalogue.events.map((event) => option(`${prefix}${event.name}`, event.phrase, selected)),
    option(`${prefix}*`, "did anything", selected),
    option(prefix, "did something else…", selected),
  ];
}

/** Make the choice of an event, with its name to type when it is none of those known. */
export function eventSelect(ui, place, { name = "named", label = "Event" } = {}) {
  const { leaf } = place;
  const select = el(
    "select",
    {
      onchange: () => {
        leaf.event = select.value;
        ui.redraw();
      },
    },
    ...eventOptions(ui, leaf.event),
  );
  return [ui.control(select, place, name, label, ["event"]), eventName(ui, place, name)];
}

/** Make the field for the name of an event that the catalogue does not know. */
export function eventName(ui, place, subject = "subject") {
  const { leaf } = place;
  if (leaf.event === "*" || ui.catalogue.event(leaf.event)) return null;
  const input = el("input", {
    type: "text",
    value: leaf.event,
    list: ui.lists.events,
    placeholder: "Event name",
    oninput: () => ui.set(leaf, "event", input.value),
    // A name the catalogue knows gets its own words. Any other leaves the line as it is:
    // drawing it anew would swallow the click that ended the typing.
    onchange: () => {
      const known = leaf.event === "*" || ui.catalogue.event(leaf.event);
      if (known) ui.redraw(`${ui.keyOf(leaf)}:${subject}`);
    },
  });
  return ui.control(input, place, "name", "Name of the event", ["event"]);
}

/** “at least 3 times”, “more than 100 in total of price” */
export function measurePart(ui, place) {
  const { leaf } = place;
  const measure = leaf.aggregate ?? "count";
  const number = numberInput(ui, place, measure);
  const unit = el(
    "select",
    {
      onchange: () => {
        setMeasure(leaf, unit.value, ui.catalogue);
        ui.redraw();
      },
    },
    ...MEASURES.map(({ value, label }) => option(value, label, measure)),
  );
  const count = unit.querySelector("[value=count]");
  const say = () => {
    count.textContent = leaf.value === 1 ? "time" : "times";
  };
  number.addEventListener("input", say);
  say();
  return [
    thresholdSelect(ui, place, OF_NUMBERS.includes(measure)),
    number,
    ui.control(unit, place, "aggregate", "What is counted", ["aggregate"]),
    ...(leaf.prop === undefined ? [] : propPart(ui, place, measure)),
  ];
}

/** “at least”, “more than”, … */
export function thresholdSelect(ui, place, ofNumbers = false) {
  const { leaf } = place;
  const word = ({ value, label }) => (ofNumbers && value === "<" ? "less than" : label);
  const select = el(
    "select",
    { onchange: () => ui.set(leaf, "operator", select.value) },
    ...ui.catalogue.count_operators.map((known) =>
      option(known.value, word(known), leaf.operator),
    ),
  );
  return ui.control(select, place, "operator", "How often", ["operator"]);
}

function numberInput(ui, place, measure) {
  const { leaf } = place;
  const whole = !OF_NUMBERS.includes(measure);
  const input = el("input", {
    type: "number",
    min: whole ? 0 : undefined,
    max: whole ? 1000 : undefined,
    step: whole ? 1 : "any",
    required: true,
    value: leaf.value,
    oninput: () => ui.set(leaf, "value", input.value === "" ? null : Number(input.value)),
  });
  const label = measure === "count" ? "Number of times" : "Number";
  return ui.control(input, place, "value", label, ["value"]);
}

/** Make the choice of the property that is added up, or whose values are told apart. */
function propPart(ui, place, measure) {
  const { leaf } = place;
  const fields = ui.catalogue.measurable(leaf.event, measure);
  const chosen = fields.some((known) => known.name === leaf.prop) ? leaf.prop : "";
  const select = el(
    "select",
    {
      onchange: () => {
        leaf.prop = select.value;
        ui.redraw();
      },
    },
    optionGroup(
      OF_NUMBERS.includes(measure) ? "Its numbers" : "Its properties",
      fields.map((known) => option(known.name, known.label, chosen)),
    ),
    option("", "another property…", chosen),
  );
  const control = ui.control(select, place, "prop", "Property measured", ["prop"]);
  return chosen ? [control] : [control, propName(ui, place)];
}

function propName(ui, place) {
  const { leaf } = place;
  const input = el("input", {
    type: "text",
    value: leaf.prop,
    list: ui.lists.properties,
    placeholder: "name",
    oninput: () => ui.set(leaf, "prop", input.value),
  });
  return ui.control(input, place, "propname", "Name of the property measured", ["prop"]);
}
