import { byteLength } from './byteLength.js';
import { createStore, MAX_STORED } from './createStore.js';
import { deliver } from './deliver.js';
import { isClicking } from './isClicking.js';
import { isHidden } from './isHidden.js';
import { mayRetry } from './mayRetry.js';
import { LONGEST_ASKED, retryDelay } from './retryDelay.js';
import { safely } from './safely.js';
import { MAX_BYTES, MAX_EVENTS, takeBatch } from './takeBatch.js';

const PATIENCE = 1_000;
/** One request at a time, unless it takes longer than this. */
const SLOW = 10_000;
/** The Segment spec's limit for one event. */
const MAX_ITEM = 32_000;
/** A batch that the server fails at so often is given up, or it would block all others. */
const MAX_FAILURES = 10;

/**
 * Events on their way to the server.
 *
 * @param {import('../types.js').Config} config
 * @param {() => boolean} allowed Whether anything may be sent or stored now.
 */
export const createQueue = ({ endpoint, key }, allowed) => {
  const store = createStore();
  /** @type {import('../types.js').Item[]} */
  let pending = [];
  let timer = 0;
  let busyUntil = 0;
  let notBefore = 0;
  let failures = 0;
  // A new object whenever the queue is cleared: answers to what was sent before are void.
  let era = {};

  /** @param {number} delay */
  const flushIn = (delay) => {
    timer ||= setTimeout(safely(flush), delay);
  };

  /** @param {import('../types.js').Item[]} items */
  const putBack = (items) => {
    pending = items.concat(pending).slice(-MAX_STORED);
  };

  /** @param {import('../types.js').Occasion} occasion */
  const send = (occasion) => {
    const sentIn = era;
    const batch = takeBatch(pending);
    const sentAt = new Date().toISOString();
    const body = `{"batch":[${batch}],"sentAt":"${sentAt}","writeKey":${JSON.stringify(key)}}`;
    if (occasion === 'timer') busyUntil = Date.now() + SLOW;
    deliver(endpoint, body, occasion, (status, retryAfter) => {
      if (sentIn !== era) return;
      busyUntil = 0;
      if (mayRetry(status) && (!status || failures < MAX_FAILURES)) {
        notBefore = Date.now() + retryDelay(++failures, retryAfter);
        putBack(batch);
      } else {
        failures = 0;
      }
      flush(isHidden() ? 'leave' : 'timer');
    });
  };

  /** @param {import('../types.js').Occasion} [occasion] */
  const flush = (occasion = 'timer') => {
    clearTimeout(timer);
    timer = 0;
    if (!allowed() || !pending[0]) return;
    const wait = Math.max(notBefore, occasion === 'timer' ? busyUntil : 0) - Date.now();
    if (occasion === 'leave' && (wait > 0 || navigator.onLine === false)) {
      store.put(notBefore, pending.splice(0));
    } else if (wait > 0) {
      flushIn(wait);
    } else {
      send(occasion);
      flush(occasion);
    }
  };

  return {
    flush,

    /** @param {import('../types.js').Item} item */
    push: (item) => {
      if (byteLength(item) > MAX_ITEM) return;
      pending = [...pending, item].slice(-MAX_STORED);
      if (isHidden()) flush('leave');
      else if (isClicking()) flush('click');
      else if (pending.length >= MAX_EVENTS || byteLength(pending.join()) >= MAX_BYTES) flush();
      else flushIn(PATIENCE);
    },

    /** Takes over what earlier pages could not send. */
    resume: () => {
      const [until, items] = store.take();
      // Not later than any server can ask for: the clock may have been set back.
      notBefore = Math.max(notBefore, Math.min(until, Date.now() + LONGEST_ASKED));
      putBack(items);
      flushIn(PATIENCE);
    },

    clear: () => {
      era = {};
      pending = [];
      busyUntil = failures = notBefore = 0;
      store.clear();
    },
  };
};
