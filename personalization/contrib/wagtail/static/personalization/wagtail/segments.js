// The segments of a variant, in Wagtail's editor. What a variant names already has a checkbox,
// whatever became of it: who edits something else on the page must not lose it.

class Segments {
  constructor(element, name, names, gone) {
    Object.assign(this, { element, name, names, gone, idForLabel: "" });
  }

  get boxes() {
    return [...this.element.querySelectorAll("input")];
  }

  getState() {
    return this.boxes.filter((box) => box.checked).map((box) => box.value);
  }

  getValue() {
    return this.getState();
  }

  setState(slugs) {
    const named = slugs ?? [];
    const listed = this.boxes.map((box) => box.value);
    named.filter((slug) => !listed.includes(slug)).forEach((slug) => this.add(slug));
    this.boxes.forEach((box) => (box.checked = named.includes(box.value)));
  }

  add(slug) {
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", name: this.name, value: slug });
    const label = document.createElement("label");
    label.append(box, ` ${this.names.get(slug) ?? this.gone.replace("%(slug)s", slug)}`);
    const line = document.createElement("div");
    line.append(label);
    this.element.append(line);
  }

  setInvalid(invalid) {
    this.boxes.forEach((box) => box.setAttribute("aria-invalid", String(invalid)));
  }

  getTextLabel({ maxLength } = {}) {
    const checked = this.boxes.filter((box) => box.checked);
    const text = checked.map((box) => box.closest("label").textContent.trim()).join(", ");
    return maxLength && text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
  }

  focus() {
    this.boxes[0]?.focus();
  }
}

class SegmentsWidget {
  constructor(html, names, gone) {
    Object.assign(this, { html, names: new Map(Object.entries(names)), gone });
  }

  render(placeholder, name, id, state) {
    const template = document.createElement("template");
    template.innerHTML = this.html.replaceAll("__NAME__", name).replaceAll("__ID__", id).trim();
    const element = template.content.firstElementChild;
    placeholder.replaceWith(element);
    const bound = new Segments(element, name, this.names, this.gone);
    bound.setState(state);
    return bound;
  }
}

window.telepath.register("personalization.wagtail.Segments", SegmentsWidget);
