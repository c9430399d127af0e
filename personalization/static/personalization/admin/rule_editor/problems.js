// What the server says is wrong, shown at the line and tied to the control it is about.

import { el } from "./dom.js";

let ids = 0;

export function createProblems() {
  const rows = new Map(); // JSON pointer → {row, box}
  const controls = new Map(); // JSON pointer → control
  let marked = [];

  /** Make the place for the problems of the line at `pointer`. */
  function box(pointer, row) {
    ids += 1;
    const element = el("div", { class: "pz-problems", id: `pz-problems-${ids}` });
    rows.set(pointer, { row, element });
    return element;
  }

  /** Let problems at `pointer` mark `control`. */
  function watch(pointer, control) {
    controls.set(pointer, control);
  }

  function show(problems) {
    clear();
    for (const problem of problems) {
      const line = nearest(rows, problem.pointer) ?? rows.get("/root");
      if (!line) continue;
      line.row.classList.add("pz-wrong");
      line.element.append(el("p", {}, problem.message));
      const control =
        nearest(controls, problem.pointer, line.row) ?? line.row.querySelector(".pz-line [data-key]");
      control?.setAttribute("aria-invalid", "true");
      control?.setAttribute("aria-describedby", line.element.id);
      marked.push({ ...line, control });
    }
  }

  function clear() {
    for (const { row, element, control } of marked) {
      row.classList.remove("pz-wrong");
      element.replaceChildren();
      control?.removeAttribute("aria-invalid");
      control?.removeAttribute("aria-describedby");
    }
    marked = [];
  }

  /** Drop all places: the rule is about to be drawn anew. */
  function forget() {
    rows.clear();
    controls.clear();
    marked = [];
  }

  return { box, watch, show, forget };
}

/** Return the entry of the longest beginning of `pointer`, inside `row` if one is given. */
function nearest(entries, pointer, row) {
  for (let place = pointer; place; place = place.slice(0, place.lastIndexOf("/"))) {
    const found = entries.get(place);
    if (found && (!row || row.contains(found))) return found;
  }
  return undefined;
}
