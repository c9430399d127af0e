// Ready rules to start from, while there is none.

import { el } from "./dom.js";

/** Make the choice of ready rules; `start` is called with the rule of the one chosen. */
export function starterView(starters, start) {
  return el(
    "div",
    { class: "pz-starters", role: "group", "aria-label": "Start from a ready rule" },
    el("p", {}, "Start from a ready rule, or add conditions of your own."),
    ...starters.map((starter) =>
      el(
        "button",
        { type: "button", class: "pz-starter", onclick: () => start(starter.rule) },
        el("strong", {}, starter.name),
        el("span", {}, starter.description),
      ),
    ),
  );
}
