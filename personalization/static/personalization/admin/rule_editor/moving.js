// Moving lines: up, down, into the group beside them, out of theirs, or to any other place.

import { MAX_DEPTH, isGroup } from "./rule.js";

/** Where the line at `index` could go by one step, by direction; what cannot be is left out. */
export function movesOf(place, index) {
  const { group, outer, depth } = place;
  const node = group.rules[index];
  const moves = {};
  if (index > 0) moves.up = { group, index: index - 1 };
  if (index < group.rules.length - 1) moves.down = { group, index: index + 1 };
  if (outer) moves.out = { group: outer.group, index: outer.group.rules.indexOf(group) + 1 };
  const next = group.rules[index + 1];
  const previous = group.rules[index - 1];
  if (depth + 1 + height(node) <= MAX_DEPTH) {
    if (isGroup(next)) moves.in = { group: next, index: 0 };
    else if (isGroup(previous)) moves.in = { group: previous, index: previous.rules.length };
  }
  return moves;
}

/**
 * Move `node` out of `from` to a place of `to`, `index` counted without the node itself.
 * Groups that are left empty go, up to `root`, which stays.
 */
export function moveNode(root, { node, from, to, index }) {
  from.rules.splice(from.rules.indexOf(node), 1);
  to.rules.splice(index, 0, node);
  dropEmpty(root);
}

/** Whether `node` may go to `to`: not into itself, and not deeper than rules may be. */
export function mayMove(root, node, to) {
  if (node === to || holds(node, to)) return false;
  return depthOf(root, to) + height(node) <= MAX_DEPTH;
}

/** Return the number of a line as it is shown, such as “2.1”; empty when it is not there. */
export function numberOf(root, node) {
  for (const [index, child] of root.rules.entries()) {
    if (child === node) return String(index + 1);
    const inner = isGroup(child) ? numberOf(child, node) : "";
    if (inner) return `${index + 1}.${inner}`;
  }
  return "";
}

/** Return every group of a tree, the outermost first. */
export function groupsOf(root) {
  return [root, ...root.rules.filter(isGroup).flatMap(groupsOf)];
}

function dropEmpty(group) {
  for (const child of group.rules) if (isGroup(child)) dropEmpty(child);
  group.rules = group.rules.filter((child) => !isGroup(child) || child.rules.length);
}

function holds(node, wanted) {
  return isGroup(node) && node.rules.some((child) => child === wanted || holds(child, wanted));
}

function height(node) {
  return isGroup(node) ? 1 + Math.max(0, ...node.rules.map(height)) : 0;
}

function depthOf(group, wanted, depth = 1) {
  if (group === wanted) return depth;
  for (const child of group.rules.filter(isGroup)) {
    const found = depthOf(child, wanted, depth + 1);
    if (found) return found;
  }
  return 0;
}
