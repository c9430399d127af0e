import type { Properties } from '../types';
import { collected } from './manifest';
import { on } from './on';
import { track } from './send';

/** What `data-personalization-properties` says; empty if that is not JSON. */
export const read = (element: Element): Properties => {
  try {
    return JSON.parse((element as HTMLElement).dataset.personalizationProperties!);
  } catch {
    return {};
  }
};

/**
 * Reports clicks on, and submissions of, what the page has marked, and links to other sites.
 * A marked form counts when it is submitted, and the middle button opens links and nothing else.
 */
export const watchMarks = (): void =>
  on('click auxclick submit', ({ target, type, button }) => {
    const slot = target.closest('[data-personalization-slot]')?.dataset;
    const marked = target.closest('[data-personalization-event]');
    const link = target.closest('[href]');
    const clicked = type === 'click' || (button === 1 && link);
    if (slot && clicked)
      track('Slot Clicked', {
        slot: slot.personalizationSlot,
        variation: slot.personalizationVariation,
        decision_id: slot.personalizationDecision,
      });
    if (
      marked &&
      (type === 'auxclick'
        ? clicked && marked.href
        : (marked.tagName === 'FORM') === (type === 'submit'))
    )
      track(marked.dataset.personalizationEvent || 'Element Clicked', read(marked));
    // What follows the path may say more than it should; addresses of mail have no host.
    if (clicked && link?.host && link.host !== location.host)
      collected('outbound', 'Outbound Link Clicked', { url: link.origin + link.pathname });
  });
