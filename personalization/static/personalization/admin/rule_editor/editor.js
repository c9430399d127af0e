// The editor: keeps the rule, draws it, writes it back into the textarea.

import { placeAnnouncements } from "./announce.js";
import { createCatalogue } from "./catalogue.js";
import { el } from "./dom.js";
import { graft } from "./graft.js";
import { groupView, rootPlace } from "./groupView.js";
import { createPreview } from "./preview.js";
import { problemBox, showProblems, watch } from "./problems.js";
import { isGroup, newEvent, newGroup, newRule } from "./rule.js";
import { starterView } from "./starters.js";
import { createTimeMachine } from "./timeMachine.js";
import { createTrial } from "./trial.js";
import { misfit } from "./understand.js";
import { createValues } from "./values.js";
import { createWitnesses } from "./witnesses.js";

let ids = 0;

/** Put the editor in front of `textarea`. `data` is what the server put beside it. */
export function createEditor(textarea, data) {
  const catalogue = createCatalogue(data.catalogue);
  const lines = el("div", { class: "pz-rule" });
  const notice = el("p", { class: "pz-notice", role: "status", hidden: true });
  const keys = new WeakMap();
  const drafts = new WeakMap();
  const lists = { events: newId(), properties: newId() };
  let rule = newRule();
  let shown = true; // whether the lines show the rule; otherwise only the textarea does

  const slug = () => data.slug || document.querySelector("#id_slug")?.value || "";
  const request = () => ({ rule: shown ? rule : JSON.parse(textarea.value), slug: slug() });
  const isEmpty = () => (shown ? !rule.root.rules.length : !textarea.value.trim());
  const panels = [createTrial, createWitnesses, createTimeMachine].map((create) =>
    create(data.addresses, request, catalogue),
  );
  const preview = createPreview(data.addresses, request, isEmpty, {
    onproblems: (found, oddities) => showProblems(lines, found, oddities),
    onanswer: () => panels.forEach((panel) => panel.again()),
  });

  const ui = {
    catalogue,
    lists,
    newId,
    redraw,
    problemBox,
    values: createValues(data.addresses.values, (node) => ui.keyOf(node)),
    segments: () => catalogue.segments.filter((segment) => segment.slug !== slug()),
    newCondition: () =>
      newEvent((catalogue.event("Page Viewed") ?? catalogue.events[0])?.name ?? ""),

    /** What a second step starts with: anything but the first. */
    eventAfter: (name) => catalogue.events.find((event) => event.name !== name)?.name ?? name,

    keyOf(node) {
      if (!keys.has(node)) keys.set(node, newId());
      return keys.get(node);
    },

    /** What a line was before it became of another kind, by kind. */
    draftsOf(leaf) {
      if (!drafts.has(leaf)) drafts.set(leaf, {});
      return drafts.get(leaf);
    },

    /** Change one value of a part of the rule without drawing anew. */
    set(part, key, value) {
      part[key] = value;
      changed();
    },

    /** Prepare a control: its label, its place for the focus, where problems may point at. */
    control(element, place, name, label, tails) {
      element.setAttribute("aria-label", label);
      element.dataset.key = `${ui.keyOf(place.leaf)}:${name}`;
      watch(element, tails.map((tail) => `${place.pointer}/${tail}`));
      return element;
    },
  };

  function redraw(focus) {
    draw(focus && [focus].flat());
    changed();
  }

  /**
   * Draw the lines. Without a new `focus`, the control in use stays what it is; otherwise the
   * first of the keys in `focus` gets it that is there and can be used.
   */
  function draw(focus) {
    const fresh = el(
      "div",
      {},
      rule.root.rules.length ? null : starterView(data.starters, start),
      groupView(ui, rootPlace(rule.root)),
    );
    graft(lines, fresh, focus ? null : lines.querySelector(":is(select, input):focus[data-key]"));
    for (const key of focus ?? []) {
      const found = lines.querySelector(`[data-key="${CSS.escape(key)}"]:not(:disabled)`);
      if (found) return found.focus();
    }
  }

  function start(starter) {
    rule = structuredClone(starter);
    redraw(`${ui.keyOf(rule.root.rules[0])}:subject`);
  }

  function changed() {
    textarea.value = rule.root.rules.length ? JSON.stringify(rule, null, 2) : "";
    preview.soon();
  }

  /** Show what the textarea holds; what the lines cannot show stays there untouched. */
  function read() {
    const found = readText(textarea.value, catalogue);
    shown = !found.trouble;
    if (shown) rule = found.rule;
    notice.textContent = found.trouble ?? "";
    notice.hidden = shown;
    lines.hidden = !shown;
    if (shown) draw();
    preview.soon();
  }

  const json = el(
    "details",
    { class: "pz-json" },
    el("summary", {}, "The rule as JSON"),
    el("p", { class: "pz-quiet" }, "For copying and for experts; the lines follow when you leave it."),
  );
  textarea.before(notice, lines, suggestions(catalogue, lists));
  textarea.after(preview.element, ...panels.map((panel) => panel.element), json);
  json.append(textarea);
  textarea.addEventListener("change", read);
  placeAnnouncements(lines.parentElement);
  read();
  json.open = !shown;
}

/** Read the textarea: a rule to show as lines, or why there is none. */
function readText(text, catalogue) {
  if (!text.trim()) return { rule: newRule() };
  let rule;
  try {
    rule = JSON.parse(text);
  } catch {
    return { trouble: "This is not valid JSON. Correct it below, or empty it to start anew." };
  }
  const pointer = misfit(rule, catalogue);
  if (pointer) {
    return {
      trouble:
        `The lines cannot show all of this rule (at ${pointer}), so it is left as it is. ` +
        "It can be edited as JSON below.",
    };
  }
  wrapSingleWhere(rule.root);
  return { rule };
}

/** One property standing alone means a group of one. */
function wrapSingleWhere(group) {
  for (const child of group.rules) {
    if (isGroup(child)) wrapSingleWhere(child);
    for (const part of [child, ...(child.steps ?? [])]) {
      if (part.where && !isGroup(part.where)) part.where = newGroup("and", [part.where]);
    }
  }
}

function suggestions(catalogue, lists) {
  const list = (id, names) =>
    el("datalist", { id }, ...names.map((name) => el("option", { value: name })));
  const names = catalogue.events.map((event) => event.name);
  return el("div", {}, list(lists.events, names), list(lists.properties, catalogue.propertyNames));
}

function newId() {
  ids += 1;
  return `pz-${ids}`;
}
