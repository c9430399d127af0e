import { listen } from './listen.js';
import { readProperties } from './readProperties.js';

/**
 * A marked form counts when it is submitted, not when somebody clicks into it, and the middle
 * button opens links and nothing else.
 *
 * @param {HTMLElement} element
 * @param {MouseEvent | SubmitEvent} event
 */
const counts = ({ tagName, href }, { type, button }) =>
  type === 'auxclick' ? href && button === 1 : (tagName === 'FORM') === (type === 'submit');

/**
 * Reports clicks on, and submissions of, elements with `data-personalization-event`.
 *
 * @param {(name: string, properties: Object) => void} report
 */
export const onMarkedClick = (report) =>
  listen('click auxclick submit', (event) => {
    const element = event.target.closest('[data-personalization-event]');
    if (element && counts(element, event)) {
      report(element.dataset.personalizationEvent || 'Element Clicked', readProperties(element));
    }
  });
