/**
 * @param {HTMLElement} element
 * @returns {Object} What `data-personalization-properties` says; empty if that is not JSON.
 */
export const readProperties = (element) => {
  try {
    return JSON.parse(element.dataset.personalizationProperties);
  } catch {
    return {};
  }
};
