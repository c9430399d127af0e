import { collected } from './manifest';
import { on } from './on';

const STEP = 25;

let next = STEP;
let from = 0;
let last = 0;
let since = 0;

const resetFrom = (): void => {
  // As of the last event: to ask now would have the browser lay out a page that it just loads.
  from = last;
  since = Date.now();
};

export const resetScroll = (): void => {
  next = STEP;
  resetFrom();
};

/** How much of the page has come into view, in percent. */
const percent = (): number =>
  // On a zoomed page the last scroll position stops a fraction of a pixel short of the end.
  ((scrollY + innerHeight + 2) / document.documentElement.scrollHeight) * 100;

/** Each quarter is reported once, with the pixels per second since the last one. */
export const attachScroll = (): void =>
  on('scroll', () => {
    last = scrollY;
    const velocity = (((last - from) / (Date.now() - since)) * 1000) | 0;
    for (; next <= 100 && next <= percent(); next += STEP) {
      collected('scroll', 'Scroll Depth Reached', { percent: next, velocity });
      resetFrom();
    }
  });
