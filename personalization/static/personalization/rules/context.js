// `context`: the surroundings of this page, and the hour and weekday of the site.

import { EIGHT_DAYS, QUARTER_HOUR, calendar } from "./time.js";
import { passes, valueAt } from "./values.js";

const CLOCK = ["hour", "weekday"];

export function contextLeaf(leaf, { context, timeZone }) {
  const clocked = CLOCK.includes(leaf.field);
  const actual = (now) =>
    clocked ? calendar(now, timeZone)[leaf.field] : valueAt(leaf.field, context);
  return {
    holds: (now) =>
      leaf.operator === "between" ? between(leaf.value, actual(now)) : passes(leaf, actual(now)),
    edges: (now) => (clocked ? quarterHours(now) : []),
  };
}

/** Hours from `from` and before `to`; over midnight where `from` is the larger. */
function between([from, to], hour) {
  return from < to ? from <= hour && hour < to : hour >= from || hour < to;
}

/** Every offset of a time zone is in quarters of an hour; after a week the hours come again. */
function quarterHours(now) {
  const first = Math.floor(now / QUARTER_HOUR) * QUARTER_HOUR;
  const n = EIGHT_DAYS / QUARTER_HOUR;
  return Array.from({ length: n }, (_, index) => first + (index + 1) * QUARTER_HOUR);
}
