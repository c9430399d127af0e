// What a field is compared with: one value, or several.

import { button, el, option } from "./dom.js";
import { coerced } from "./rule.js";

/**
 * Make the controls of a value. `choices` are all there can be, as {value, label}; without
 * them, what visitors really have is suggested.
 */
export function valuePart(ui, place, type, { choices } = {}) {
  const { leaf } = place;
  if (leaf.value === undefined) return [];
  if (Array.isArray(leaf.value)) {
    return choices ? boxes(ui, place, choices) : chips(ui, place, type);
  }
  if (type === "boolean") return [yesOrNo(ui, place)];
  const one = choices && ["=", "!="].includes(leaf.operator);
  return one ? [choice(ui, place, type, choices)] : single(ui, place, type);
}

function yesOrNo(ui, place) {
  const { leaf } = place;
  const select = el(
    "select",
    { onchange: () => ui.set(leaf, "value", select.value === "true") },
    option("true", "yes", String(leaf.value)),
    option("false", "no", String(leaf.value)),
  );
  return ui.control(select, place, "value", "Value", ["value"]);
}

function choice(ui, place, type, choices) {
  const { leaf } = place;
  const known = choices.some(({ value }) => value === leaf.value);
  const select = el(
    "select",
    { onchange: () => ui.set(leaf, "value", coerced(select.value, type)) },
    known ? null : option(leaf.value, leaf.value || "choose one", leaf.value),
    ...choices.map(({ value, label }) => option(value, label, leaf.value)),
  );
  return ui.control(select, place, "value", "Value", ["value"]);
}

function single(ui, place, type) {
  const { leaf } = place;
  const input = el("input", {
    type: type === "number" ? "number" : "text",
    step: type === "number" ? "any" : undefined,
    required: true,
    value: leaf.value,
    oninput: () => ui.set(leaf, "value", coerced(input.value, type)),
  });
  ui.control(input, place, "value", "Value", ["value"]);
  return [input, ui.values.suggest(input, place)];
}

/** Some of few values: a box to tick for each. */
function boxes(ui, place, choices) {
  const { leaf } = place;
  const box = ({ value, label }) => {
    const input = el("input", {
      type: "checkbox",
      checked: leaf.value.includes(value),
      onchange: () => {
        const others = leaf.value.filter((each) => each !== value);
        ui.set(leaf, "value", input.checked ? [...others, value] : others);
      },
    });
    ui.control(input, place, `value:${value}`, label, ["value"]);
    return el("label", { class: "pz-tick" }, input, el("span", {}, label));
  };
  return [el("span", { class: "pz-ticks" }, ...choices.map(box))];
}

/** Several values: Enter or a comma adds one, Backspace in the empty field removes the last. */
function chips(ui, place, type) {
  const { leaf } = place;
  const input = el("input", {
    type: "text",
    inputmode: type === "number" ? "decimal" : undefined,
    placeholder: "add a value",
    onkeydown,
    onblur: add,
  });
  const box = el(
    "span",
    { class: "pz-chips" },
    ...leaf.value.map(chip),
    ui.control(input, place, "value", "Add a value, then press Enter", ["value"]),
  );

  function add() {
    const value = coerced(input.value.trim(), type);
    if (!input.value.trim() || value === null) return;
    input.value = "";
    if (leaf.value.includes(value)) return;
    leaf.value.push(value);
    input.before(chip(value)); // nothing is drawn anew: the focus may be on its way elsewhere
    ui.set(leaf, "value", leaf.value);
  }

  function remove(value) {
    const index = leaf.value.indexOf(value);
    leaf.value.splice(index, 1);
    box.children[index].remove();
    input.focus();
    ui.set(leaf, "value", leaf.value);
  }

  function onkeydown(event) {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault(); // Enter would save the segment
      add();
    } else if (event.key === "Backspace" && !input.value && leaf.value.length) {
      remove(leaf.value.at(-1));
    }
  }

  function chip(value) {
    return el(
      "span",
      { class: "pz-chip" },
      shown(value),
      button("×", `Remove ${shown(value)}`, () => remove(value)),
    );
  }

  return [box, ui.values.suggest(input, place)];
}

function shown(value) {
  return { true: "yes", false: "no" }[String(value)] ?? String(value);
}
