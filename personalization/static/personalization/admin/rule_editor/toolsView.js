// The buttons at the end of a line: dragging, moving, removing.

import { announce } from "./announce.js";
import { button } from "./dom.js";
import { makeDraggable } from "./dragging.js";
import { groupsOf, mayMove, moveNode, movesOf, numberOf } from "./moving.js";
import { isGroup } from "./rule.js";

const SIGNS = { up: "↑", down: "↓", out: "⇤", in: "⇥" };
const WORDS = { up: "up", down: "down", out: "out of its group", in: "into the group beside it" };
const KEYS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "out", ArrowRight: "in" };

/** Make the buttons of the line `child`, which `item` is the row of. */
export function toolsView(ui, place, child, { word, item }) {
  const { group } = place;
  const key = ui.keyOf(child);
  const moves = movesOf(place, group.rules.indexOf(child));
  const move = (way) => {
    if (moves[way]) go(ui, place, child, moves[way], [`${key}:${way}`]);
  };
  const arrow = (way) =>
    button(SIGNS[way], `Move ${word} ${WORDS[way]}`, () => move(way), {
      disabled: !moves[way],
      "data-key": `${key}:${way}`,
    });
  const several = group.rules.length > 1;
  return [
    several || place.outer ? handle(ui, place, child, { word, item, move }) : null,
    ...(several ? [arrow("up"), arrow("down")] : []),
    ...["out", "in"].filter((way) => moves[way]).map(arrow),
    button("×", `Remove ${word}`, () => remove(ui, place, child), {
      class: "pz-remove",
      "data-key": `${key}:remove`,
    }),
  ].filter(Boolean);
}

/** What a line is dragged by. With the focus on it, the arrow keys move the line. */
function handle(ui, place, child, { word, item, move }) {
  const { root } = place;
  const key = ui.keyOf(child);
  const grip = button("⠿", `Move ${word}: drag it, or press the arrow keys`, () => {}, {
    class: "pz-handle",
    "data-key": `${key}:handle`,
    onkeydown: (event) => {
      if (!KEYS[event.key]) return;
      event.preventDefault(); // the page would scroll
      move(KEYS[event.key]);
    },
  });
  const groupAt = (list) => groupsOf(root).find((found) => ui.keyOf(found) === list.dataset.group);
  makeDraggable(grip, item, {
    realm: ui.keyOf(root),
    mayDrop: (list) => mayMove(root, child, groupAt(list)),
    drop: (list, index) => go(ui, place, child, { group: groupAt(list), index }),
  });
  return grip;
}

/** Move the line and say where it went; the focus stays with it. */
function go(ui, place, child, { group: to, index }, focus = []) {
  const { root, prefix } = place;
  const key = ui.keyOf(child);
  const before = numberOf(root, child);
  moveNode(root, { node: child, from: place.group, to, index });
  const after = numberOf(root, child);
  const kind = isGroup(child) ? "Group" : "Condition";
  const event = prefix.includes("where") ? "property " : "";
  if (after !== before) announce(`${kind} ${event}${before} is now ${event}${after}.`);
  const pressed = document.activeElement?.dataset.key;
  const kept = pressed === `${key}:handle` ? [pressed] : focus;
  ui.redraw([...kept, ...["down", "up", "handle", "remove"].map((tool) => `${key}:${tool}`)]);
}

/** Take a line out, and every group that it leaves empty; the focus goes to what is next. */
function remove(ui, place, child) {
  const { group, leaf, outer, prefix } = place;
  const index = group.rules.indexOf(child);
  announce(`${isGroup(child) ? "Group" : "Condition"} ${prefix}${index + 1} removed.`);
  group.rules.splice(index, 1);
  if (!group.rules.length && leaf) {
    delete leaf.where;
    ui.redraw(`${ui.keyOf(leaf)}:where`);
  } else if (!group.rules.length && outer) {
    remove(ui, outer, group);
  } else {
    const next = group.rules[Math.min(index, group.rules.length - 1)];
    ui.redraw(`${ui.keyOf(next ?? group)}:${next ? "remove" : "add"}`);
  }
}
