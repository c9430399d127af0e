// Comparing one JSON value with the value of a condition. What is missing or of another type
// fails every positive comparison; the negative ones are their exact complements.

import { foundIn } from "./patterns.js";

const NEGATIVES = new Map([
  ["!=", "="],
  ["not in", "in"],
  ["does not contain", "contains"],
  ["does not start with", "starts with"],
  ["does not end with", "ends with"],
  ["does not match", "matches"],
  ["is not set", "is set"],
]);

/** How two values of one type compare; whole sums may be BigInts. */
export const COMPARISONS = new Map([
  ["=", (actual, value) => actual === value],
  ["!=", (actual, value) => actual !== value],
  ["<", (actual, value) => actual < value],
  ["<=", (actual, value) => actual <= value],
  [">", (actual, value) => actual > value],
  [">=", (actual, value) => actual >= value],
  ["contains", (actual, value) => actual.includes(value)],
  ["starts with", (actual, value) => actual.startsWith(value)],
  ["ends with", (actual, value) => actual.endsWith(value)],
  ["matches", foundIn],
]);

/** Return whether the value found passes the test of a condition. */
export function passes({ operator, value }, actual) {
  const positive = NEGATIVES.get(operator);
  if (positive) return !passes({ operator: positive, value }, actual);
  if (operator === "is set") return actual !== null && actual !== undefined;
  if (operator === "in") return value.includes(actual);
  return typeof actual === typeof value && COMPARISONS.get(operator)(actual, value);
}

/** Return what stands at a dotted path of `data`; undefined where nothing does. */
export function valueAt(path, data) {
  return path.split(".").reduce((found, key) => own(found, key), data);
}

function own(data, key) {
  const leads = typeof data === "object" && data !== null && !Array.isArray(data);
  return leads && Object.hasOwn(data, key) ? data[key] : undefined;
}

/** Return whether properties pass a `where`: a group, or one condition alone; none passes all. */
export function whereHolds(where, properties) {
  if (!where) return true;
  if (!("combinator" in where)) return passes(where, valueAt(where.field, properties));
  const test = (child) => whereHolds(child, properties);
  const joined = where.combinator === "and" ? where.rules.every(test) : where.rules.some(test);
  return joined !== Boolean(where.not);
}

/** Compare texts by code points, as every other engine does: UTF-16 sorts some elsewhere. */
export function byCodePoints(one, other) {
  let place = 0;
  while (place < one.length && one[place] === other[place]) place += 1;
  return (one.codePointAt(place) ?? -1) - (other.codePointAt(place) ?? -1);
}
