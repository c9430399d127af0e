import { readProperties } from './readProperties.js';

/**
 * Reports each element of the page that has `data-personalization-view`.
 *
 * @param {(name: string, properties: Object) => void} report
 */
export const reportMarkedViews = (report) => {
  for (const element of document.querySelectorAll('[data-personalization-view]')) {
    report(element.dataset.personalizationView, readProperties(element));
  }
};
