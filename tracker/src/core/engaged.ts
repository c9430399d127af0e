import { on } from './on';
import { collected } from './manifest';
import { leaving } from './views';

/** Somebody who has not moved for so long is taken to be away. */
const ATTENTION = 5_000;
const SIGNS_OF_LIFE =
  'scroll mousemove mousedown keydown touchstart resize focus blur visibilitychange';

let countedTo = 0;
let until = 0;
let engaged = 0;

/** Counts up to now: overlapping stretches count once. */
const settle = (): number => {
  const now = Date.now();
  engaged += Math.max(0, Math.min(now, until) - countedTo);
  return (countedTo = now);
};

/** A sign of life makes the next five seconds count; turning away ends them at once. */
export const beat = (): void => {
  const now = settle();
  until = !document.hidden && document.hasFocus() ? now + ATTENTION : 0;
};

/** Reports whole seconds; a fraction is kept for the next report. */
export const reportEngaged = (): void => {
  settle();
  const seconds = (engaged / 1000) | 0;
  engaged -= seconds * 1000;
  if (seconds) collected('engaged', 'Engaged', { seconds });
};

export const forgetEngaged = (): void => {
  until = engaged = 0;
};

export const attachEngaged = (): void => {
  on(SIGNS_OF_LIFE, beat);
  leaving.unshift(reportEngaged);
};
