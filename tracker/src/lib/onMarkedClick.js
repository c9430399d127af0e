import { listen } from './listen.js';
import { readProperties } from './readProperties.js';

/**
 * Reports clicks on, and submissions of, elements with `data-personalization-event`.
 *
 * @param {(name: string, properties: Object) => void} report
 */
export const onMarkedClick = (report) =>
  listen('click submit', ({ target, type }) => {
    const element = target.closest('[data-personalization-event]');
    // A marked form counts when it is submitted, not when somebody clicks into it.
    if (element && (element.tagName === 'FORM') === (type === 'submit')) {
      report(element.dataset.personalizationEvent || 'Element Clicked', readProperties(element));
    }
  });
