import { createConsent } from './lib/createConsent.js';
import { createDepthMarks } from './lib/createDepthMarks.js';
import { createEngagedClock } from './lib/createEngagedClock.js';
import { createQueue } from './lib/createQueue.js';
import { isHidden } from './lib/isHidden.js';
import { listen } from './lib/listen.js';
import { onMarkedClick } from './lib/onMarkedClick.js';
import { onNavigation } from './lib/onNavigation.js';
import { reportMarkedViews } from './lib/reportMarkedViews.js';
import { safely } from './lib/safely.js';
import { scrolledPercent } from './lib/scrolledPercent.js';
import { uniqueId } from './lib/uniqueId.js';
import { viewedUrl } from './lib/viewedUrl.js';

const ENGAGED_EVERY = 15_000;
const SIGNS_OF_LIFE =
  'scroll mousemove mousedown keydown touchstart resize focus blur visibilitychange';

/**
 * Puts the parts together. Until consent is there nothing is listened to, stored or sent.
 *
 * @param {import('./types.js').Config} config
 */
export const createTracker = (config) => {
  const library = { name: 'personalization.js', version: __VERSION__ };
  const clock = createEngagedClock();
  const marks = createDepthMarks();
  /** @type {import('./types.js').PageInfo | undefined} */
  let page;
  let listening = false;

  /**
   * @param {string} type
   * @param {Object} fields
   */
  const send = (type, fields) => {
    if (consent.holds()) {
      queue.push(
        JSON.stringify({
          type,
          ...fields,
          // What is undefined is not written.
          context: {
            page,
            library,
            userToken: config.user,
            automated: navigator.webdriver || undefined,
          },
          timestamp: new Date(),
          messageId: uniqueId(),
        }),
      );
    }
  };

  /**
   * @param {string} event
   * @param {Object} [properties]
   */
  const track = (event, properties = {}) => send('track', { event, properties });

  const reportEngaged = () => {
    const seconds = clock.take(Date.now());
    if (seconds) track('Engaged', { seconds });
  };

  const beat = () => clock.beat(Date.now(), !isHidden() && document.hasFocus());

  /**
   * Begins a page view: what was measured until now belongs to the one before.
   *
   * @param {string} [name]
   * @param {Object} [properties]
   */
  const view = (name, properties) => {
    if (!consent.holds()) return;
    reportEngaged();
    const { href: url, pathname: path } = location;
    const referrer = page ? (page.url === url ? page.referrer : page.url) : document.referrer;
    page = { url, path, referrer, title: document.title };
    marks.reset();
    beat();
    send('page', { name, properties: { ...page, ...properties } });
  };

  const isNewPage = () => viewedUrl(location.href) !== viewedUrl(page?.url ?? '');

  /** What is marked counts once per address: an order is not placed again by coming back. */
  const viewAll = () => {
    const isNew = isNewPage();
    view();
    if (isNew) reportMarkedViews(track);
  };

  const listenToPage = () => {
    // First of all, so that engaged time has stopped when leaving the page reports it.
    listen(SIGNS_OF_LIFE, beat);
    setInterval(safely(reportEngaged), ENGAGED_EVERY);
    listen('scroll', () => {
      for (const percent of marks.reach(scrolledPercent())) {
        track('Scroll Depth Reached', { percent });
      }
    });
    onMarkedClick(track);
    onNavigation(() => {
      if (isNewPage()) viewAll();
    });
    // Shown again from the back/forward cache: nothing is loaded, and yet it is a new view.
    listen('pageshow', ({ persisted }) => {
      if (persisted) viewAll();
    });
    // Browsers differ in which of the two they send; the second finds nothing left to send.
    listen('visibilitychange pagehide', ({ type }) => {
      if (isHidden() || type === 'pagehide') {
        reportEngaged();
        queue.flush('leave');
      } else if (consent.holds()) {
        queue.resume();
      }
    });
  };

  const consent = createConsent(config, (granted) => {
    if (granted) {
      if (!listening) listenToPage();
      listening = true;
      clock.reset();
      queue.resume();
      viewAll();
    } else {
      queue.clear();
    }
  });
  const queue = createQueue(config, consent.holds);
  consent.holds();

  return {
    version: __VERSION__,
    consent: consent.set,
    track,
    page: view,
    identify: (userId, traits) =>
      send('identify', typeof userId === 'object' ? { traits: userId } : { userId, traits }),
    productAdded: (product) => track('Product Added', product),
    productRemoved: (product) => track('Product Removed', product),
    orderCompleted: (order) => track('Order Completed', order),
  };
};
