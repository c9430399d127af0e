// The steps of a sequence as JSON: making them, moving them, keeping them in order.

export const MIN_STEPS = 2;
export const MAX_STEPS = 10;
const SILENCE = "PT24H"; // what a step that must not follow at the end starts with

export function newSequence(first, second) {
  return {
    kind: "sequence",
    steps: [{ event: first }, { event: second, within: "PT24H" }],
  };
}

/** Whether the step at `index` may go to `target`: the first has to be one that happened. */
export function mayMoveStep(leaf, index, target) {
  if (target < 0 || target >= leaf.steps.length) return false;
  return !moved(leaf.steps, index, target)[0].absent;
}

export function moveStep(leaf, index, target) {
  leaf.steps = moved(leaf.steps, index, target);
  tidySteps(leaf);
}

export function addStep(leaf, step) {
  leaf.steps.push(step);
  tidySteps(leaf);
}

export function removeStep(leaf, index) {
  leaf.steps.splice(index, 1);
  tidySteps(leaf);
}

/** Make a step one that must happen, or one that must not. */
export function setAbsent(leaf, step, absent) {
  if (absent) step.absent = true;
  else delete step.absent;
  tidySteps(leaf);
}

/** Whether the step at `index` must not happen after all others. */
export function isAtEnd(leaf, index) {
  return leaf.steps.slice(index).every((step) => step.absent);
}

/**
 * Give each step what its place asks for: nothing comes before the first, and what must
 * not happen is bounded by the steps around it, or at the end by a time.
 */
export function tidySteps(leaf) {
  for (const [index, step] of leaf.steps.entries()) {
    if (index === 0) {
      delete step.absent;
      delete step.within;
    } else if (step.absent) {
      if (isAtEnd(leaf, index)) step.within ??= SILENCE;
      else delete step.within;
    }
  }
}

function moved(steps, index, target) {
  const order = [...steps];
  const [step] = order.splice(index, 1);
  order.splice(target, 0, step);
  return order;
}
