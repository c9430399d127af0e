import type { Item } from '../types';

const QUEUE = 'pz_queue';
const DRAW = 'pz_draw';
/** The oldest events go first when there are more. */
export const MAX_STORED = 100;

let drawn: number | undefined;

/** Return since when the server may be asked again and what was kept, and forget both. */
export const takeKept = (): [number, Item[]] => {
  try {
    const [notBefore, items] = JSON.parse(localStorage[QUEUE]);
    delete localStorage[QUEUE];
    return [+notBefore, items.map(String)];
  } catch {
    return [0, []];
  }
};

/** Keeps what could not be sent for the next page: an event is here or in memory, never both. */
export const keep = (notBefore: number, items: Item[]): void => {
  localStorage[QUEUE] = JSON.stringify([
    notBefore,
    takeKept()[1].concat(items).slice(-MAX_STORED),
  ]);
};

/** Forget everything: there is no consent any more. */
export const forget = (): void => {
  drawn = 0;
  delete localStorage[QUEUE];
  delete localStorage[DRAW];
};

/** Return a number above 0, up to 1, that stays the same for this browser. */
export const draw = (): number => {
  try {
    drawn ||= +(localStorage[DRAW] ||= 1 - Math.random());
  } catch {}
  return (drawn ||= 1 - Math.random());
};
