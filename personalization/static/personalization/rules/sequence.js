// `sequence`: events in order, with what must not lie between them or come after.

import { isAbout } from "./events.js";
import { duration } from "./time.js";
import { byCodePoints } from "./values.js";

/**
 * Which event can end the present steps does not depend on the instant of asking; so each
 * gives one span during which the sequence holds because of it.
 */
export function sequenceLeaf(leaf, facts) {
  const events = [...facts.events].sort(
    (one, other) => one.at - other.at || byCodePoints(one.id, other.id),
  );
  const spans = spansOf(leaf, events);
  return {
    holds: (now) => spans.some(({ start, end }) => start <= now && now < end),
    edges: () => spans.flatMap(({ start, end }) => [start, end]),
  };
}

function spansOf(leaf, events) {
  const { present, trailing } = split(leaf.steps);
  const longest = leaf.window ? duration(leaf.window) : Infinity;
  const last = leaf.last ? duration(leaf.last) : Infinity;
  const starts = latestStarts(present, events, Boolean(leaf.strict));
  const waits = trailing.map((step) => duration(step.within));
  return events.flatMap(({ at }, place) => {
    const later = events.slice(place + 1);
    const broken = trailing.some((step, index) =>
      later.some((one) => one.at <= at + waits[index] && isAbout(step, one)),
    );
    if (broken || starts[place] === -Infinity || at - starts[place] > longest) return [];
    return [{ start: at + Math.max(0, ...waits), end: at + last }];
  });
}

/** Return the present steps, each with those absent before it, and those absent at the end. */
function split(steps) {
  const present = [];
  let absent = [];
  for (const step of steps) {
    if (step.absent) absent.push(step);
    else {
      present.push({ step, absent });
      absent = [];
    }
  }
  return { present, trailing: absent };
}

/**
 * Return for each event the latest instant at which a run of all present steps that ends
 * with it can have begun; -Infinity where none can. The latest, as a window may bound it.
 */
function latestStarts([first, ...further], events, strict) {
  const begun = events.map((one) => (isAbout(first.step, one) ? one.at : -Infinity));
  return further.reduce((before, { step, absent }) => {
    const within = step.within ? duration(step.within) : Infinity;
    return events.map((one, place) => {
      if (!isAbout(step, one)) return -Infinity;
      let latest = -Infinity;
      for (let index = place - 1; index >= 0; index -= 1) {
        const earlier = events[index];
        if (one.at - earlier.at > within) break;
        latest = Math.max(latest, before[index]);
        // Whatever begins before this one would have it between the two.
        if (strict || absent.some((barred) => isAbout(barred, earlier))) break;
      }
      return latest;
    });
  }, begun);
}
