// What a page that is asked for would say by itself, made up for a trial.

import { el, option } from "./dom.js";
import { isGroup } from "./rule.js";

const CLOCK = ["hour", "weekday"]; // they follow from the instant of the trial

/** Make the fields that the rule looks at in a request; `onchange` is called on each change. */
export function createAsIf(catalogue, onchange) {
  const fields = el("span", { class: "pz-as-if-fields" });
  const element = el(
    "div",
    { class: "pz-trial-controls pz-as-if", hidden: true },
    el("span", {}, "as if they asked for a page with"),
    fields,
  );
  let shown = "";

  /** Show the fields that `rule` looks at; what was filled in stays. */
  function follow(rule) {
    const named = contextFields(rule?.root).filter((name) => catalogue.field("context", name));
    const names = [...new Set(named)].sort();
    if (names.join() === shown) return;
    shown = names.join();
    const known = values();
    fields.replaceChildren(...names.map((name) => fieldView(name, known[name] ?? "")));
    element.hidden = !names.length;
  }

  function fieldView(name, value) {
    const { label, values: choices } = catalogue.field("context", name);
    const control = choices
      ? el("select", { onchange }, option("", "not known", value),
          ...choices.map((choice) => option(choice.value, choice.label, value)))
      : el("input", { type: "text", value, placeholder: "not known", onchange });
    control.name = ""; // it is no part of the form
    control.dataset.field = name;
    return el("label", {}, el("span", {}, label), control);
  }

  function values() {
    const controls = [...fields.querySelectorAll("[data-field]")];
    const filled = controls.filter((control) => control.value);
    return Object.fromEntries(filled.map((control) => [control.dataset.field, control.value]));
  }

  return { element, follow, values };
}

/** The fields that a rule looks at; one that was written by hand may be anything. */
function contextFields(group) {
  if (!Array.isArray(group?.rules)) return [];
  return group.rules.flatMap((child) => {
    if (isGroup(child)) return contextFields(child);
    return child?.kind === "context" && !CLOCK.includes(child.field) ? [child.field] : [];
  });
}
