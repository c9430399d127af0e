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

/** Show the problems at their lines inside `lines`, and no others. */
export function showProblems(lines, problems) {
  clear(lines);
  for (const problem of problems) {
    const box = nearest(lines, problem.pointer, "data-problems") ?? boxAt(lines, "/root");
    if (!box) continue;
    const row = box.closest(".pz-row, .pz-group");
    row.classList.add("pz-wrong");
    box.append(el("p", {}, problem.message));
    const control =
      nearest(row, problem.pointer, "data-at") ?? row.querySelector(".pz-line [data-key]");
    control?.setAttribute("aria-invalid", "true");
    control?.setAttribute("aria-describedby", box.id);
  }
}

function clear(lines) {
  for (const row of lines.querySelectorAll(".pz-wrong")) row.classList.remove("pz-wrong");
  for (const box of lines.querySelectorAll(".pz-problems")) box.replaceChildren();
  for (const control of lines.querySelectorAll("[aria-invalid]")) {
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
