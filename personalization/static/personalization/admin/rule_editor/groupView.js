// Groups of lines, and the frame around each line: number, buttons, what is wrong with it.

import { button, el, option, textButton } from "./dom.js";
import { lineView } from "./lineView.js";
import { MAX_DEPTH, MODES, isGroup, modeOf, moveLine, newGroup, newProp, setMode } from "./rule.js";

/** The place of the outermost group of a rule. */
export function rootPlace(group) {
  return { group, pointer: "/root", depth: 1, prefix: "" };
}

/**
 * Make a group. `place` has the group, its pointer and depth, the place around it as
 * `outer`, and the `prefix` of its lines' numbers, counted as the server counts them.
 * In the conditions on an event's properties, `event` is its name and `leaf` its line.
 */
export function groupView(ui, place) {
  const { group, pointer, depth, prefix } = place;
  const box = el(
    "div",
    {
      class: `pz-group pz-depth-${depth}${place.leaf ? " pz-where-group" : ""}`,
      role: "group",
      "aria-label": prefix ? `Group ${prefix.replace(/\W+$/, "")}` : "Rule",
    },
    plain(place) ? null : el("div", { class: "pz-heading" }, ...headingParts(ui, place)),
    el(
      "ol",
      { class: "pz-lines" },
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
    el(
      "div",
      { class: "pz-content" },
      isGroup(child)
        ? groupView(ui, inner(place, { group: child, pointer, prefix: `${number}.` }))
        : el(
            "div",
            { class: "pz-line" },
            ...lineView(ui, { leaf: child, pointer, event: place.event }),
            whereButton(ui, child, word),
          ),
      ui.problemBox(pointer),
      child.where ? groupView(ui, whereOf(place, child, pointer, number)) : null,
    ),
    el("div", { class: "pz-tools" }, ...tools(ui, place, child, index, word)),
  );
  return item;
}

function inner(place, own) {
  return { ...own, depth: place.depth + 1, outer: place, event: place.event };
}

/** The place of the conditions on the properties of the event on a line. */
function whereOf(place, leaf, pointer, number) {
  return {
    group: leaf.where,
    pointer: `${pointer}/where`,
    prefix: `${number} where `,
    depth: place.depth + 1,
    event: leaf.event,
    leaf,
  };
}

function tools(ui, place, child, index, word) {
  const { group } = place;
  const key = ui.keyOf(child);
  const last = group.rules.length - 1;
  const move = (step) => () => {
    const now = moveLine(group, index, step);
    const stuck = step < 0 ? now === 0 : now === last;
    ui.redraw(`${key}:${(step < 0) === stuck ? "down" : "up"}`);
  };
  return [
    last > 0 && button("↑", `Move ${word} up`, move(-1), { disabled: index === 0, "data-key": `${key}:up` }),
    last > 0 && button("↓", `Move ${word} down`, move(1), {
      disabled: index === last,
      "data-key": `${key}:down`,
    }),
    button("×", `Remove ${word}`, () => remove(ui, place, index), {
      class: "pz-remove",
      "data-key": `${key}:remove`,
    }),
  ];
}

/** What begins the conditions on the properties of an event. */
function whereButton(ui, leaf, word) {
  if (leaf.kind !== "event" || leaf.where) return null;
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

/** Take a line out, and every group that it leaves empty; the focus goes to what is next. */
function remove(ui, place, index) {
  const { group, leaf, outer } = place;
  group.rules.splice(index, 1);
  if (!group.rules.length && leaf) {
    delete leaf.where;
    ui.redraw(`${ui.keyOf(leaf)}:where`);
  } else if (!group.rules.length && outer) {
    remove(ui, outer, outer.group.rules.indexOf(group));
  } else {
    const next = group.rules[Math.min(index, group.rules.length - 1)];
    ui.redraw(`${ui.keyOf(next ?? group)}:${next ? "remove" : "add"}`);
  }
}

function addButtons(ui, place) {
  const { group, depth, event } = place;
  const key = ui.keyOf(group);
  const about = event === undefined;
  const fresh = () =>
    about ? ui.newCondition() : newProp(ui.catalogue.fields("prop", event)[0]);
  const add = (node, focus) => {
    group.rules.push(node);
    ui.redraw(`${ui.keyOf(focus)}:subject`);
  };
  const addLine = () => {
    const line = fresh();
    add(line, line);
  };
  const addGroup = () => {
    const line = fresh();
    add(newGroup(group.combinator === "and" ? "or" : "and", [line]), line);
  };
  return el(
    "div",
    { class: "pz-add" },
    textButton(about ? "Add a condition" : "Add a property", addLine, { "data-key": `${key}:add`, class: about ? undefined : "pz-link" }),
    about && depth < MAX_DEPTH
      ? textButton("Add a group", addGroup, { "data-key": `${key}:group` })
      : null,
  );
}
