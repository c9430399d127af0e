/** @returns {boolean} Whether the visitor cannot see the page now. */
export const isHidden = () => document.visibilityState === 'hidden';
