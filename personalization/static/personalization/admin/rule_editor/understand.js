// Whether the editor can show a rule without losing any of it. What it cannot show stays
// in the textarea, as it is.

import { isGroup, modeOf, readDuration } from "./rule.js";

const GROUP = ["id", "combinator", "not", "rules"];
const LEAVES = {
  event: ["id", "kind", "event", "aggregate", "operator", "value", "window", "where", "scope"],
  trait: ["id", "kind", "field", "operator", "value"],
  feature: ["id", "kind", "field", "operator", "value"],
  prop: ["id", "kind", "field", "operator", "value"],
  segment: ["id", "kind", "slug"],
  consent: ["id", "kind", "purpose"],
};
const MANY = ["in", "not in"];
const NO_VALUE = ["is set", "is not set"];

/** Return the JSON pointer of the first part the editor cannot show, or null. */
export function misfit(rule, catalogue) {
  if (!isObject(rule) || rule.version !== 1) return "/version";
  return unknownKey(rule, ["version", "root"], "") ?? groupMisfit(rule.root, "/root", catalogue);
}

function groupMisfit(group, pointer, catalogue, only) {
  if (!isObject(group) || !Array.isArray(group.rules) || !modeOf(group)) return pointer;
  if (group.not !== undefined && group.not !== null && typeof group.not !== "boolean") {
    return `${pointer}/not`;
  }
  const unknown = unknownKey(group, GROUP, pointer);
  if (unknown) return unknown;
  for (const [index, child] of group.rules.entries()) {
    const place = `${pointer}/rules/${index}`;
    const found = isGroup(child)
      ? groupMisfit(child, place, catalogue, only)
      : leafMisfit(child, place, catalogue, only);
    if (found) return found;
  }
  return null;
}

function leafMisfit(leaf, pointer, catalogue, only) {
  if (!isObject(leaf) || !Object.hasOwn(LEAVES, leaf.kind)) return pointer;
  if ((leaf.kind === "prop") !== (only === "prop")) return `${pointer}/kind`;
  const unknown = unknownKey(leaf, LEAVES[leaf.kind], pointer);
  if (unknown) return unknown;
  if (leaf.kind === "event") return eventMisfit(leaf, pointer, catalogue);
  if (leaf.kind === "segment") return textMisfit(leaf, "slug", pointer);
  if (leaf.kind === "consent") return textMisfit(leaf, "purpose", pointer);
  return textMisfit(leaf, "field", pointer) ?? valueMisfit(leaf, pointer, catalogue);
}

function eventMisfit(leaf, pointer, catalogue) {
  if (leaf.aggregate !== undefined && leaf.aggregate !== "count") return `${pointer}/aggregate`;
  if (leaf.scope !== undefined && leaf.scope !== "profile") return `${pointer}/scope`;
  if (!catalogue.count_operators.some((known) => known.value === leaf.operator)) {
    return `${pointer}/operator`;
  }
  if (leaf.value !== null && typeof leaf.value !== "number") return `${pointer}/value`;
  return (
    textMisfit(leaf, "event", pointer) ??
    windowMisfit(leaf.window, `${pointer}/window`) ??
    whereMisfit(leaf.where, `${pointer}/where`, catalogue)
  );
}

function windowMisfit(span, pointer) {
  if (span === undefined || span === null) return null;
  if (!isObject(span)) return pointer;
  if ("last" in span) {
    return unknownKey(span, ["last"], pointer) ?? (readDuration(span.last) ? null : pointer);
  }
  const dated = typeof span.from === "string" && typeof span.to === "string";
  const readable = dated && !Number.isNaN(Date.parse(span.from) + Date.parse(span.to));
  return unknownKey(span, ["from", "to"], pointer) ?? (readable ? null : pointer);
}

function whereMisfit(where, pointer, catalogue) {
  if (where === undefined || where === null) return null;
  if (isGroup(where)) return groupMisfit(where, pointer, catalogue, "prop");
  return leafMisfit(where, pointer, catalogue, "prop");
}

function valueMisfit(leaf, pointer, catalogue) {
  const known = Object.values(catalogue.operators).flat();
  if (!known.some((operator) => operator.value === leaf.operator)) return `${pointer}/operator`;
  const values = MANY.includes(leaf.operator) ? leaf.value : [leaf.value];
  if (NO_VALUE.includes(leaf.operator)) return leaf.value === undefined ? null : `${pointer}/value`;
  if (!Array.isArray(values)) return `${pointer}/value`;
  const types = new Set(values.map((value) => (value === null ? "number" : typeof value)));
  const shown = [...types].every((type) => ["string", "number", "boolean"].includes(type));
  return shown && types.size <= 1 ? null : `${pointer}/value`;
}

function textMisfit(leaf, key, pointer) {
  return typeof leaf[key] === "string" ? null : `${pointer}/${key}`;
}

function unknownKey(object, known, pointer) {
  const key = Object.keys(object).find((name) => !known.includes(name));
  return key === undefined ? null : `${pointer}/${key}`;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
