// Drawing anew around the control in use, which stays: with its focus, its caret and what
// the browser remembers of the letters typed to find an option.

/** Replace what is in `old` by what is in `fresh`, except for `kept` and its ancestors. */
export function graft(old, fresh, kept) {
  const twin = kept && fresh.querySelector(`[data-key="${CSS.escape(kept.dataset.key)}"]`);
  if (!twin || !alike(kept, twin)) {
    old.replaceChildren(...fresh.childNodes);
    twin?.focus();
    return;
  }
  while (old !== kept) {
    const branch = [...old.children].find((child) => child.contains(kept));
    const model = [...fresh.children].find((child) => child.contains(twin));
    const nodes = [...fresh.childNodes];
    const place = nodes.indexOf(model);
    for (const node of [...old.childNodes]) if (node !== branch) node.remove();
    branch.before(...nodes.slice(0, place));
    branch.after(...nodes.slice(place + 1));
    for (const { name, value } of model.attributes) {
      if (branch !== kept) branch.setAttribute(name, value);
    }
    old = branch;
    fresh = model;
  }
}

function alike(one, other) {
  const label = (control) => control.getAttribute("aria-label");
  return one.type === other.type && label(one) === label(other);
}
