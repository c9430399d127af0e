// The form of a rule for recommendations: suggestions that fit what is chosen, and no field that
// the action does not use. Without this script all fields are there, and say what they are for.

const USES = { boost: "factor", bury: "factor", pin: "position" };
const LIKE = { price: "10–50" };
const field = (name) => document.getElementById(`id_${name}`);

function showUsed() {
  const used = USES[field("action").value];
  for (const name of ["factor", "position"]) {
    const row = field(name).closest(".form-row");
    // What is wrong is said, whatever is chosen.
    row.hidden = name !== used && !row.querySelector(".errorlist");
  }
}

function suggest() {
  const target = field("target").value;
  field("value").setAttribute("list", `pz-values-${target}`);
  field("value").placeholder = LIKE[target] ?? "";
}

// Who may only look has no fields.
if (field("action") && field("target")) {
  field("action").addEventListener("change", showUsed);
  field("target").addEventListener("change", suggest);
  showUsed();
  suggest();
}
