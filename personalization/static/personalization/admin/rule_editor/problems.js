// What the server says is wrong, shown at the line and tied to the control it is about.

import { el } from "./dom.js";

let ids = 0;

/** Make the place for the problems of the line or group at `pointer`. */
export function problemBox(pointer) {
  ids += 1;
  return el("div", { class: "pz-problems", id: `pz-problems-${ids}`, "data-problems": pointer });
}

/** Let problems at `pointers` mark `control`. */
export function watch(control, pointers) {
  control.dataset.at = pointers.join(" ");
}

/** Show the problems at their lines inside `lines`, then what is merely odd, and no others. */
export function showProblems(lines, problems, oddities) {
  clear(lines);
  for (const problem of problems) {
    const { box, control } = place(lines, problem) ?? {};
    if (!box) continue;
    box.closest(".pz-row, .pz-group").classList.add("pz-wrong");
    box.append(el("p", {}, problem.message));
    control?.setAttribute("aria-invalid", "true");
  }
  for (const oddity of oddities) {
    const { box } = place(lines, oddity) ?? {};
    box?.append(el("p", { class: "pz-odd" }, oddity.message));
  }
}

/** The box at the line that a problem leads to, tied to the control it is about. */
function place(lines, { pointer }) {
  const box = nearest(lines, pointer, "data-problems") ?? boxAt(lines, "/root");
  if (!box) return null;
  const row = box.closest(".pz-row, .pz-group");
  const control = nearest(row, pointer, "data-at") ?? row.querySelector(".pz-line [data-key]");
  control?.setAttribute("aria-describedby", box.id);
  return { box, control };
}

function clear(lines) {
  for (const row of lines.querySelectorAll(".pz-wrong")) row.classList.remove("pz-wrong");
  for (const box of lines.querySelectorAll(".pz-problems")) box.replaceChildren();
  for (const control of lines.querySelectorAll("[aria-describedby]")) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  }
}

/** Return the element that stands for the longest beginning of `pointer`. */
function nearest(area, pointer, attribute) {
  for (let place = pointer; place; place = place.slice(0, place.lastIndexOf("/"))) {
    const found = area.querySelector(`[${attribute}~="${CSS.escape(place)}"]`);
    if (found) return found;
  }
  return null;
}

function boxAt(lines, pointer) {
  return lines.querySelector(`[data-problems="${CSS.escape(pointer)}"]`);
}
