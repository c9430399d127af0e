// Turns every textarea of a rule on the page into the editor.

import { createEditor } from "./editor.js";

for (const box of document.querySelectorAll("[data-rule-editor]")) {
  const textarea = box.querySelector("textarea");
  const data = JSON.parse(document.getElementById(`${textarea.id}_data`).textContent);
  createEditor(textarea, data);
  box.classList.add("pz-ready");
  followKind(box);
}

/** A segment kept by hand has no rule: hide the editor while that kind is chosen. */
function followKind(box) {
  const kind = document.querySelector("#id_kind");
  const fieldset = box.closest("fieldset");
  if (!kind || !fieldset) return;
  const follow = () => {
    fieldset.hidden = kind.value === "manual";
  };
  kind.addEventListener("change", follow);
  follow();
}
