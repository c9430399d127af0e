// Building elements. Text goes in as text, never as HTML: names and values come from visitors.

/** Make an element: properties that start with "on" are listeners, the rest attributes. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child || child === 0));
  return element;
}

/** Make an option; `chosen` is the value selected now. */
export function option(value, label, chosen) {
  return el("option", { value, selected: value === chosen }, label);
}

/** Make a group of options, or nothing when there are none. */
export function optionGroup(label, options) {
  return options.length ? el("optgroup", { label }, ...options) : null;
}

/** Make a small button that says what it does to those who do not see its sign. */
export function button(sign, label, onclick, properties = {}) {
  return el(
    "button",
    { type: "button", "aria-label": label, title: label, onclick, ...properties },
    el("span", { "aria-hidden": "true" }, sign),
  );
}

/** Make a button with a text everybody sees. */
export function textButton(text, onclick, properties = {}) {
  return el("button", { type: "button", onclick, ...properties }, text);
}
