// Answers questions with the shipped module: JSON in, JSON out, in one process.

import { readFileSync } from "node:fs";
import * as buckets from "../../personalization/static/personalization/buckets.js";

const functions = {
  ...buckets,
  lies: (unit, seed, version, ranges) =>
    buckets.armAt(buckets.bucket(unit, { seed, version }), ranges),
  assign: (trial, entrant) => buckets.assign(withPolicy(trial), entrant),
  assignSticky: (trial, entrant, known) =>
    buckets.assignSticky(withPolicy(trial), entrant, known),
};

/** A bandit is a function, which JSON has none of: here one of a number in the context. */
function withPolicy({ learned, ...trial }) {
  if (!learned) return trial;
  return { ...trial, policy: ({ warmth = 0 }) => learned[warmth] };
}

function answer([name, ...given]) {
  try {
    return functions[name](...given);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { error: error.message };
  }
}

const questions = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(questions.map(answer)));
