// What happened in which order: the steps, one below the other, and what holds of all of them.

import { announce } from "./announce.js";
import { button, el, option, textButton } from "./dom.js";
import { durationPart } from "./durationView.js";
import { eventSelect } from "./eventView.js";
import {
  MAX_STEPS, MIN_STEPS, addStep, isAtEnd, mayMoveStep, moveStep, removeStep, setAbsent,
} from "./steps.js";

/** Make the steps of the sequence on the line numbered `number`; `where` makes conditions. */
export function stepsView(ui, place, number, where) {
  const { leaf } = place;
  return el(
    "div",
    { class: "pz-sequence" },
    el(
      "ol",
      { class: "pz-lines pz-steps" },
      ...leaf.steps.map((step, index) => stepRow(ui, place, step, { index, number, where })),
    ),
    el(
      "div",
      { class: "pz-add" },
      addButton(ui, place, "Add a step", false),
      addButton(ui, place, "Add “then did not”", true),
    ),
    el("div", { class: "pz-line pz-whole" }, ...wholeParts(ui, place)),
  );
}

function stepRow(ui, place, step, { index, number, where }) {
  const pointer = `${place.pointer}/steps/${index}`;
  const own = { leaf: step, pointer, event: step.event, sequence: place.leaf, index };
  const word = `step ${index + 1} of condition ${number}`;
  return el(
    "li",
    { class: "pz-row pz-step", role: "group", "aria-label": `Condition ${number} step ${index + 1}` },
    el("span", { class: "pz-number", "aria-hidden": "true" }, String(index + 1)),
    el(
      "div",
      { class: "pz-content" },
      el(
        "div",
        { class: "pz-line" },
        ...stepParts(ui, own),
        where.button(own, word),
      ),
      ui.problemBox(pointer),
      where.group(own, `${number} step ${index + 1} where `),
    ),
    el("div", { class: "pz-tools" }, ...stepTools(ui, place, own, word)),
  );
}

function stepParts(ui, own) {
  const { leaf: step, sequence, index } = own;
  if (index === 0) return [el("span", { class: "pz-then" }, "first"), ...eventSelect(ui, own)];
  const select = el(
    "select",
    {
      class: "pz-then",
      onchange: () => {
        setAbsent(sequence, step, select.value === "not");
        ui.redraw();
      },
    },
    option("then", "then", step.absent ? "not" : "then"),
    option("not", "then not", step.absent ? "not" : "then"),
  );
  return [
    ui.control(select, own, "absent", "Whether it must happen", ["absent"]),
    ...eventSelect(ui, own),
    ...(step.absent ? silencePart(ui, own) : gapPart(ui, own)),
  ];
}

/** “within 24 hours” of the step before, or at any time after it */
function gapPart(ui, own) {
  const { leaf: step } = own;
  const bounded = step.within !== undefined;
  const select = el(
    "select",
    {
      onchange: () => {
        if (select.value === "within") step.within = "PT24H";
        else delete step.within;
        ui.redraw();
      },
    },
    option("ever", "at any time after", bounded ? "within" : "ever"),
    option("within", "within", bounded ? "within" : "ever"),
  );
  return [
    ui.control(select, own, "gap", "How soon after the step before", []),
    ...(bounded ? durationPart(ui, own, step, "within") : []),
  ];
}

/** “for 24 hours” at the end; between two steps nothing has to be said */
function silencePart(ui, own) {
  if (!isAtEnd(own.sequence, own.index)) {
    return [el("span", { class: "pz-quiet" }, "before the next step")];
  }
  return [el("span", {}, "for"), ...durationPart(ui, own, own.leaf, "within")];
}

function stepTools(ui, place, { leaf: step, index }, word) {
  const { leaf } = place;
  const key = ui.keyOf(step);
  const move = (by) => () => {
    moveStep(leaf, index, index + by);
    announce(`Step ${index + 1} is now step ${index + by + 1}.`);
    ui.redraw([`${key}:${by < 0 ? "up" : "down"}`, `${key}:${by < 0 ? "down" : "up"}`, `${key}:remove`]);
  };
  return [
    button("↑", `Move ${word} up`, move(-1), {
      disabled: !mayMoveStep(leaf, index, index - 1),
      "data-key": `${key}:up`,
    }),
    button("↓", `Move ${word} down`, move(1), {
      disabled: !mayMoveStep(leaf, index, index + 1),
      "data-key": `${key}:down`,
    }),
    button("×", `Remove ${word}`, () => remove(ui, leaf, index), {
      class: "pz-remove",
      disabled: leaf.steps.length <= MIN_STEPS,
      "data-key": `${key}:remove`,
    }),
  ];
}

function remove(ui, leaf, index) {
  const turned = index === 0 && leaf.steps[1].absent;
  removeStep(leaf, index);
  announce(
    turned
      ? `Step ${index + 1} removed. What must not have happened cannot come first: now it must happen.`
      : `Step ${index + 1} removed.`,
  );
  const next = ui.keyOf(leaf.steps[Math.min(index, leaf.steps.length - 1)]);
  ui.redraw([`${next}:remove`, `${next}:named`]);
}

function addButton(ui, { leaf }, text, absent) {
  const add = () => {
    const step = { event: ui.newCondition().event, ...(absent ? { absent } : {}) };
    addStep(leaf, step);
    announce(`Step ${leaf.steps.length} added.`);
    ui.redraw(`${ui.keyOf(step)}:named`);
  };
  return textButton(text, add, {
    class: "pz-link",
    disabled: leaf.steps.length >= MAX_STEPS,
    "data-key": `${ui.keyOf(leaf)}:${absent ? "silence" : "step"}`,
  });
}

// -- of the sequence as a whole ---------------------------------------------------------------

function wholeParts(ui, place) {
  return [
    ...optional(ui, place, "window", "P7D", "from first to last step within"),
    ...optional(ui, place, "last", "P30D", "only if it happened in the last"),
    strictBox(ui, place),
  ];
}

/** A duration that can be switched on by a check box with its words. */
function optional(ui, place, key, fresh, text) {
  const { leaf } = place;
  const on = leaf[key] !== undefined && leaf[key] !== null;
  const box = el("input", {
    type: "checkbox",
    checked: on,
    onchange: () => {
      if (box.checked) leaf[key] = fresh;
      else delete leaf[key];
      ui.redraw(`${ui.keyOf(leaf)}:${key}:on`);
    },
  });
  ui.control(box, place, `${key}:on`, text, []);
  return [
    el(
      "span",
      { class: "pz-option" },
      el("label", {}, box, el("span", {}, text)),
      ...(on ? durationPart(ui, place, leaf, key, { labels: [`Length: ${text}`, `Unit: ${text}`] }) : []),
    ),
  ];
}

function strictBox(ui, place) {
  const { leaf } = place;
  const text = "with nothing else in between";
  const box = el("input", {
    type: "checkbox",
    checked: Boolean(leaf.strict),
    onchange: () => {
      if (box.checked) leaf.strict = true;
      else delete leaf.strict;
      ui.redraw(`${ui.keyOf(leaf)}:strict`);
    },
  });
  ui.control(box, place, "strict", text, ["strict"]);
  return el("span", { class: "pz-option" }, el("label", {}, box, el("span", {}, text)));
}
