// What happened: how much of it (`event`), how long ago (`recency`), how steadily
// (`regularity`). Each leaf tells whether it holds at an instant, and every instant at which
// that may turn.

import { calendar, duration, instant } from "./time.js";
import { COMPARISONS, valueAt, whereHolds } from "./values.js";

const MILLION = 1e6;
const LARGEST = 1e9;

/** Return whether an event is one that a leaf or a step is about. */
export function isAbout({ event, where }, happening) {
  return (event === "*" || event === happening.name) && whereHolds(where, happening.properties);
}

export function eventLeaf(leaf, facts) {
  const seen = facts.events.filter((one) => isAbout(leaf, one));
  const window = windowOf(leaf.window);
  const inVisit = leaf.scope === "visit" ? visitsOf(facts) : () => () => true;
  const compare = COMPARISONS.get(leaf.operator);
  return {
    holds(now) {
      const visited = inVisit(now);
      const inside = seen.filter(
        ({ at }) => at <= now && window.holds(at, now) && visited(at),
      );
      const found = measured(leaf, inside, facts.timeZone);
      return found ? compare(...found) : leaf.operator === "!=";
    },
    edges() {
      const visits = leaf.scope === "visit" ? facts.events : [];
      return [
        ...seen.flatMap(({ at }) => [at, ...window.lengths.map((length) => at + length)]),
        ...visits.flatMap(({ at }) => [at, at + facts.visitGap]),
      ];
    },
  };
}

/** Return the test of a window, and how long after an event it may come in or go out. */
function windowOf(window) {
  if (!window) return { holds: () => true, lengths: [] };
  if ("last" in window) {
    const last = duration(window.last);
    const until = window.until ? duration(window.until) : 0;
    const holds = (at, now) => now - last < at && at <= now - until;
    return { holds, lengths: [last, until] };
  }
  const [from, to] = [instant(window.from), instant(window.to)];
  return { holds: (at) => from <= at && at < to, lengths: [] };
}

/** Return, by instant, the test of being in the visit that is under way then. */
function visitsOf({ events, visitGap }) {
  const instants = events.map(({ at }) => at).sort((one, other) => one - other);
  return (now) => {
    const past = instants.filter((at) => at <= now);
    const newest = past.at(-1);
    if (newest === undefined || now >= newest + visitGap) return () => false;
    const start = past.findLast((at, index) => !(at - past[index - 1] < visitGap));
    return (at) => start <= at;
  };
}

/** Return what is measured and what to compare it with; null where there is nothing. */
function measured({ aggregate = "count", prop, value }, events, timeZone) {
  if (aggregate === "count") return [events.length, value];
  if (aggregate === "days") {
    return [new Set(events.map(({ at }) => calendar(at, timeZone).day)).size, value];
  }
  const values = events.map(({ properties }) => valueAt(prop, properties));
  if (aggregate === "distinct") return [new Set(values.filter(isScalar)).size, value];
  const numbers = values.filter((one) => typeof one === "number" && Math.abs(one) <= LARGEST);
  if (aggregate === "sum") return [sum(numbers), millionths(value)];
  if (!numbers.length) return null;
  if (aggregate === "avg") return [sum(numbers), BigInt(numbers.length) * millionths(value)];
  const pick = aggregate === "min" ? Math.min : Math.max;
  return [numbers.reduce((one, other) => pick(one, other)), value];
}

function isScalar(value) {
  return ["string", "number", "boolean"].includes(typeof value);
}

/** Whole millionths add up exactly, in any order: as BigInts even beyond 2⁵³. */
function millionths(number) {
  return BigInt(Math.floor(number * MILLION + 0.5));
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + millionths(number), 0n);
}

export function recencyLeaf(leaf, { events }) {
  const instants = events.filter((one) => isAbout(leaf, one)).map(({ at }) => at);
  const length = duration(leaf.value);
  const pick = leaf.which === "first" ? Math.min : Math.max;
  const compare = COMPARISONS.get(leaf.operator);
  return {
    holds(now) {
      const past = instants.filter((at) => at <= now);
      const chosen = past.reduce((one, other) => pick(one, other), past[0]);
      return past.length > 0 && compare(now - chosen, length);
    },
    edges: () => instants.flatMap((at) => [at, at + length, at + length + 1]),
  };
}

export function regularityLeaf(leaf, { events }) {
  const instants = events.filter((one) => isAbout(leaf, one)).map(({ at }) => at);
  const period = duration(leaf.period);
  const compare = COMPARISONS.get(leaf.operator);
  return {
    holds(now) {
      const counts = new Array(leaf.periods).fill(0);
      for (const at of instants) {
        const age = now - at;
        const index = (age - (age % period)) / period; // rounding the quotient may be one off
        if (age >= 0 && index in counts) counts[index] += 1;
      }
      return counts.filter((count) => compare(count, leaf.value)).length >= leaf.at_least;
    },
    edges: () =>
      instants.flatMap((at) =>
        Array.from({ length: leaf.periods + 1 }, (_, index) => at + index * period),
      ),
  };
}
