// Whether the editor can show a rule without losing any of it. What it cannot show stays
// in the textarea, as it is.

import { readDuration } from "./duration.js";
import { MEASURES, OF_A_PROPERTY } from "./measure.js";
import { AGE_OPERATORS } from "./recencyView.js";
import { isGroup, modeOf } from "./rule.js";
import { isAtEnd } from "./steps.js";

const GROUP = ["id", "combinator", "not", "rules"];
const LEAVES = {
  event: [
    "id", "kind", "event", "aggregate", "prop", "operator", "value", "window", "where", "scope",
  ],
  recency: ["id", "kind", "event", "which", "operator", "value", "where"],
  regularity: [
    "id", "kind", "event", "period", "periods", "at_least", "operator", "value", "where",
  ],
  sequence: ["id", "kind", "steps", "window", "last", "strict"],
  context: ["id", "kind", "field", "operator", "value"],
  trait: ["id", "kind", "field", "operator", "value"],
  feature: ["id", "kind", "field", "operator", "value"],
  prop: ["id", "kind", "field", "operator", "value"],
  segment: ["id", "kind", "slug"],
  consent: ["id", "kind", "purpose"],
};
const STEP = ["event", "where", "within", "absent"];
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
  return MISFITS[leaf.kind](leaf, pointer, catalogue);
}

const MISFITS = {
  event: eventMisfit,
  recency: recencyMisfit,
  regularity: regularityMisfit,
  sequence: sequenceMisfit,
  context: contextMisfit,
  trait: fieldMisfit,
  feature: fieldMisfit,
  prop: fieldMisfit,
  segment: (leaf, pointer) => textMisfit(leaf, "slug", pointer),
  consent: (leaf, pointer) => textMisfit(leaf, "purpose", pointer),
};

function fieldMisfit(leaf, pointer, catalogue) {
  return textMisfit(leaf, "field", pointer) ?? valueMisfit(leaf, pointer, catalogue);
}

function eventMisfit(leaf, pointer, catalogue) {
  const measure = leaf.aggregate ?? "count";
  if (!MEASURES.some((known) => known.value === measure)) return `${pointer}/aggregate`;
  const prop = OF_A_PROPERTY.includes(measure) ? typeof leaf.prop === "string" : leaf.prop === undefined;
  if (!prop) return `${pointer}/prop`;
  if (![undefined, "profile", "visit"].includes(leaf.scope)) return `${pointer}/scope`;
  return (
    thresholdMisfit(leaf, pointer, catalogue) ??
    happenedMisfit(leaf, pointer, catalogue) ??
    windowMisfit(leaf.window, `${pointer}/window`)
  );
}

function recencyMisfit(leaf, pointer, catalogue) {
  if (![undefined, "last", "first"].includes(leaf.which)) return `${pointer}/which`;
  if (!AGE_OPERATORS.includes(leaf.operator)) return `${pointer}/operator`;
  return durationMisfit(leaf, "value", pointer) ?? happenedMisfit(leaf, pointer, catalogue);
}

function regularityMisfit(leaf, pointer, catalogue) {
  return (
    thresholdMisfit(leaf, pointer, catalogue) ??
    durationMisfit(leaf, "period", pointer) ??
    numberMisfit(leaf, "periods", pointer) ??
    numberMisfit(leaf, "at_least", pointer) ??
    happenedMisfit(leaf, pointer, catalogue)
  );
}

function sequenceMisfit(leaf, pointer, catalogue) {
  if (!Array.isArray(leaf.steps) || leaf.steps.length < 2) return `${pointer}/steps`;
  for (const [index, step] of leaf.steps.entries()) {
    const found = stepMisfit(leaf, index, `${pointer}/steps/${index}`, catalogue);
    if (found) return found;
  }
  if (![undefined, true, false].includes(leaf.strict)) return `${pointer}/strict`;
  return optionalMisfit(leaf, "window", pointer) ?? optionalMisfit(leaf, "last", pointer);
}

function stepMisfit(leaf, index, pointer, catalogue) {
  const step = leaf.steps[index];
  if (!isObject(step)) return pointer;
  if (![undefined, true, false].includes(step.absent)) return `${pointer}/absent`;
  const needed = step.absent && isAtEnd(leaf, index);
  const refused = index === 0 || (step.absent && !needed);
  if (index === 0 && step.absent) return `${pointer}/absent`;
  if (refused && step.within !== undefined) return `${pointer}/within`;
  return (
    unknownKey(step, STEP, pointer) ??
    (needed ? durationMisfit : optionalMisfit)(step, "within", pointer) ??
    happenedMisfit(step, pointer, catalogue)
  );
}

function contextMisfit(leaf, pointer, catalogue) {
  if (!catalogue.field("context", leaf.field)) return `${pointer}/field`;
  if (leaf.operator !== "between") return valueMisfit(leaf, pointer, catalogue);
  const hours = leaf.field === "hour" && Array.isArray(leaf.value) && leaf.value.length === 2;
  const shown = hours && leaf.value.every((hour) => hour === null || typeof hour === "number");
  return shown ? null : `${pointer}/value`;
}

/** What every line has that names an event. */
function happenedMisfit(leaf, pointer, catalogue) {
  return textMisfit(leaf, "event", pointer) ?? whereMisfit(leaf.where, `${pointer}/where`, catalogue);
}

function thresholdMisfit(leaf, pointer, catalogue) {
  const known = catalogue.count_operators.some(({ value }) => value === leaf.operator);
  return known ? numberMisfit(leaf, "value", pointer) : `${pointer}/operator`;
}

function windowMisfit(span, pointer) {
  if (span === undefined || span === null) return null;
  if (!isObject(span)) return pointer;
  if ("last" in span) {
    return (
      unknownKey(span, ["last", "until"], pointer) ??
      durationMisfit(span, "last", pointer) ??
      optionalMisfit(span, "until", pointer)
    );
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

function durationMisfit(owner, key, pointer) {
  return readDuration(owner[key]) ? null : `${pointer}/${key}`;
}

function optionalMisfit(owner, key, pointer) {
  return owner[key] === undefined ? null : durationMisfit(owner, key, pointer);
}

function numberMisfit(leaf, key, pointer) {
  return leaf[key] === null || typeof leaf[key] === "number" ? null : `${pointer}/${key}`;
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
