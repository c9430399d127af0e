import type { Item } from '../types';
import { config } from './config';
import { holds } from './consent';
import { retryDelay, LONGEST_ASKED } from './retryDelay';
import { safely } from './safely';
import { forget, keep, MAX_STORED, takeKept } from './storage';

/** Why a queue is flushed. */
const TIMER = 0;
const CLICK = 1;
export const LEAVE = 2;

const PATIENCE = 1_000;
/** One request at a time, unless it takes longer than this. */
const SLOW = 10_000;
/** The Segment spec's limit for one event. */
const MAX_ITEM = 32_000;
const MAX_EVENTS = 20;
/** All keepalive requests and beacons of a page share 64 KiB; some is left for the envelope. */
const MAX_BYTES = 55_000;
/** A batch that the server fails at so often is given up, or it would block all others. */
const MAX_FAILURES = 10;
/** When a page goes, what is under way fails, and a failure is told before the page is gone. */
const MOMENT = 300;

let pending: Item[] = [];
let timer: ReturnType<typeof setTimeout> | 0 = 0;
let busyUntil = 0;
let notBefore = 0;
let failures = 0;
// Another number whenever the queue is cleared: answers to what was sent before are void.
let era = 0;
let departures = 0;

const bytes = (text: string): number => new Blob([text]).size;

const flushIn = (delay: number): void => {
  timer ||= setTimeout(safely(flush), delay);
};

const putBack = (items: Item[]): void => {
  pending = items.concat(pending).slice(-MAX_STORED);
};

/** Takes from the front as many events as may travel together; one, however big it is. */
const takeBatch = (): Item[] => {
  let n = 0;
  let size = 0;
  while (n < MAX_EVENTS && n < pending.length && (size += bytes(pending[n]!)) < MAX_BYTES) n++;
  return pending.splice(0, n || 1);
};

/**
 * Sends a batch in the way that suits the occasion: a fetch, which tells what became of it, or,
 * when the page goes, a beacon. Text, so that a foreign endpoint needs no preflight.
 */
const send = (occasion: number): void => {
  const sentIn = era;
  const left = departures;
  const batch = takeBatch();
  const body = `{"batch":[${batch}],"sentAt":"${new Date().toISOString()}","writeKey":${JSON.stringify(config.key)}}`;
  const onAnswer = safely((status?: number, retryAfter?: string | null) => {
    if (sentIn !== era) return;
    busyUntil = 0;
    // Without a status there was no answer; the others that are worth another try.
    if (!status || ((status > 499 || status === 429 || status === 408) && failures < MAX_FAILURES)) {
      notBefore = Date.now() + retryDelay(++failures, retryAfter);
      putBack(batch);
    } else {
      failures = 0;
    }
    flush(document.hidden ? LEAVE : TIMER);
  });
  if (!occasion) busyUntil = Date.now() + SLOW;
  // A click goes by fetch, too, which outlives its page and tells if it failed.
  if (occasion === LEAVE && navigator.sendBeacon?.(config.endpoint, body)) return;
  fetch(config.endpoint, { method: 'POST', body, keepalive: true, credentials: 'include' }).then(
    ({ status, headers }) => onAnswer(status, headers.get('Retry-After')),
    // Browsers deliver what they failed when the page went: it counts if the page stays, or
    // if there is no network.
    () =>
      navigator.onLine
        ? setTimeout(() => left === departures && onAnswer(), MOMENT)
        : onAnswer(),
  );
};

/** Notes that the page goes. */
export const depart = (): void => {
  departures++;
};

export const flush = (occasion = TIMER): void => {
  clearTimeout(timer);
  timer = 0;
  if (!pending[0] || !holds()) return;
  const wait = Math.max(notBefore, occasion ? 0 : busyUntil) - Date.now();
  if (occasion === LEAVE && (wait > 0 || !navigator.onLine)) {
    keep(notBefore, pending.splice(0));
  } else if (wait > 0) {
    flushIn(wait);
  } else {
    send(occasion);
    flush(occasion);
  }
};

export const push = (item: Item): void => {
  if (bytes(item) > MAX_ITEM) return;
  pending.push(item);
  putBack([]);
  if (document.hidden) flush(LEAVE);
  // Old, but nothing else tells without asking every caller that the page may be about to change.
  else if (/click|submit/.test(window.event?.type!)) flush(CLICK);
  else if (pending.length >= MAX_EVENTS) flush();
  else flushIn(PATIENCE);
};

/** Takes over what earlier pages could not send. */
export const resume = (): void => {
  const [until, items] = takeKept();
  // Not later than any server can ask for: the clock may have been set back.
  notBefore = Math.max(notBefore, Math.min(until, Date.now() + LONGEST_ASKED));
  putBack(items);
  flushIn(PATIENCE);
};

export const clear = (): void => {
  era++;
  pending = [];
  busyUntil = failures = notBefore = 0;
  forget();
};
