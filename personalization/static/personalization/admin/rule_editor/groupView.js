// Groups of lines, and the frame around each line: number, buttons, what is wrong with it.

import { announce } from "./announce.js";
import { el, option, textButton } from "./dom.js";
import { lineView } from "./lineView.js";
import { toolsView } from "./toolsView.js";
import { MAX_DEPTH, MODES, isGroup, modeOf, newGroup, newProp, setMode } from "./rule.js";
import { stepsView } from "./sequenceView.js";

/** The place of the outermost group of a rule. */
export function rootPlace(group) {
  return { group, root: group, pointer: "/root", depth: 1, prefix: "" };
}

/**
 * Make a group. `place` has the group, its pointer and depth, the place around it as
 * `outer`, the `root` that lines can be moved within, and the `prefix` of its lines'
 * numbers, counted as the server counts them. In the conditions on an event's properties,
 * `event` is its name and `leaf` its line.
 */
export function groupView(ui, place) {
  const { group, pointer, depth, prefix } = place;
  const box = el(
    "div",
    {
      class: `pz-group pz-depth-${depth}${place.event === undefined ? "" : " pz-where-group"}`,
      role: "group",
      "aria-label": prefix ? `Group ${prefix.replace(/\W+$/, "")}` : "Rule",
    },
    plain(place) ? null : el("div", { class: "pz-heading" }, ...headingParts(ui, place)),
    el(
      "ol",
      { class: "pz-lines", "data-realm": ui.keyOf(place.root), "data-group": ui.keyOf(group) },
      ...group.rules.map((child, index) => row(ui, place, child, index)),
    ),
    addButtons(ui, place),
  );
  if (pointer === "/root") box.prepend(ui.problemBox(pointer));
  return box;
}

function headingParts(ui, { group, pointer, prefix, leaf, event }) {
  const select = el(
    "select",
    {
      onchange: () => {
        setMode(group, select.value);
        ui.redraw();
      },
    },
    ...MODES.map((mode) => option(mode.value, mode.label, modeOf(group).value)),
  );
  ui.control(select, { leaf: group, pointer }, "mode", "How many must hold", ["combinator"]);
  if (event === undefined) {
    return [prefix ? "" : "Visitors who match", select, prefix ? "of these hold" : "of these"];
  }
  return [leaf ? "where" : "", select, "of these hold"];
}

/** Whether the group is one condition on a property: then it needs no heading of its own. */
function plain({ group, leaf }) {
  return leaf && group.rules.length === 1 && modeOf(group).value === "all";
}

function row(ui, place, child, index) {
  const pointer = `${place.pointer}/rules/${index}`;
  const number = `${place.prefix}${index + 1}`;
  const word = `${isGroup(child) ? "group" : "condition"} ${number}`;
  const item = el("li", {
    class: isGroup(child) ? "pz-row pz-row-group" : "pz-row",
    role: isGroup(child) ? undefined : "group",
    "aria-label": isGroup(child) ? undefined : `Condition ${number}`,
  });
  if (index > 0) item.append(el("span", { class: "pz-join" }, modeOf(place.group).join));
  item.append(
    plain(place)
      ? el("span", { class: "pz-where-word" }, "where")
      : el("span", { class: "pz-number", "aria-hidden": "true" }, number),
    el("div", { class: "pz-content" }, ...content(ui, place, child, { pointer, number, word })),
    el("div", { class: "pz-tools" }, ...toolsView(ui, place, child, { word, item })),
  );
  return item;
}

function content(ui, place, child, { pointer, number, word }) {
  if (isGroup(child)) {
    const inner = { group: child, pointer, prefix: `${number}.`, depth: place.depth + 1 };
    const { root, event } = place;
    return [groupView(ui, { ...inner, outer: place, root, event }), ui.problemBox(pointer)];
  }
  const own = { leaf: child, pointer, event: place.event };
  const where = {
    button: (step, name) => whereButton(ui, step.leaf, name),
    group: (step, prefix) => whereView(ui, place, step, prefix),
  };
  return [
    el("div", { class: "pz-line" }, ...lineView(ui, own), where.button(own, word)),
    ui.problemBox(pointer),
    where.group(own, `${number} where `),
    child.kind === "sequence" ? stepsView(ui, own, number, where) : null,
  ].filter(Boolean);
}

// -- conditions on the properties of an event ---------------------------------------------------

function whereView(ui, place, { leaf, pointer }, prefix) {
  if (!leaf.where) return null;
  return groupView(ui, {
    group: leaf.where,
    root: leaf.where,
    pointer: `${pointer}/where`,
    prefix,
    depth: place.depth + 1,
    event: leaf.event,
    leaf,
  });
}

/** What begins the conditions on the properties of an event. */
function whereButton(ui, leaf, word) {
  if (leaf.event === undefined || leaf.where) return null;
  const begin = () => {
    const prop = newProp(ui.catalogue.fields("prop", leaf.event)[0]);
    leaf.where = newGroup("and", [prop]);
    ui.redraw(`${ui.keyOf(prop)}:subject`);
  };
  return textButton("where…", begin, {
    class: "pz-link",
    "aria-label": `Add a condition on the properties of ${word}`,
    "data-key": `${ui.keyOf(leaf)}:where`,
  });
}

// -- adding -------------------------------------------------------------------------------------

function addButtons(ui, place) {
  const { group, depth, event, prefix } = place;
  const key = ui.keyOf(group);
  const about = event === undefined;
  const fresh = () => (about ? ui.newCondition() : newProp(ui.catalogue.fields("prop", event)[0]));
  const add = (node, line) => {
    group.rules.push(node);
    announce(`${node === line ? "Condition" : "Group"} ${prefix}${group.rules.length} added.`);
    ui.redraw(`${ui.keyOf(line)}:subject`);
  };
  const addLine = () => {
    const line = fresh();
    add(line, line);
  };
  const addGroup = () => {
    const line = fresh();
    add(newGroup(group.combinator === "and" ? "or" : "and", [line]), line);
  };
  const look = about ? undefined : "pz-link";
  return el(
    "div",
    { class: "pz-add" },
    textButton(about ? "Add a condition" : "Add a property", addLine, {
      "data-key": `${key}:add`,
      class: look,
    }),
    depth < MAX_DEPTH && (about || group.rules.length > 1)
      ? textButton(about ? "Add a group" : "Add a group of them", addGroup, {
          "data-key": `${key}:group`,
          class: look,
        })
      : null,
  );
}
