import type { Core, Run } from '../types';

/** What no event is made of: the visitor's answer to us, and what the page says. */
const IGNORED = '.pz-consent, [data-personalization-ignore]';

/** A field called `name` or `id` hides the form's own property, but not its attribute. */
const nameOf = (element: Element): string =>
  element.getAttribute('name') || element.getAttribute('id') || '';

/** Reports forms that are begun, sent and given up; never what is written into them. */
export const form = ({ on, collected, leaving, read }: Core): Run => () => {
  const begun = new Map<HTMLFormElement, string>();
  const say = (what: string, form: HTMLFormElement, more = {}): void =>
    collected('form', `Form ${what}`, { form: nameOf(form), ...more, ...read(form) });

  on('input submit', ({ type, target }) => {
    const form: HTMLFormElement | null = type === 'submit' ? target : target.form;
    if (!form || form.closest(IGNORED)) return;
    if (type === 'submit') {
      begun.delete(form);
      say('Submitted', form);
    } else {
      if (!begun.has(form)) say('Started', form);
      begun.set(form, nameOf(target));
    }
  });
  leaving.push((gone) => {
    if (!gone) return;
    begun.forEach((field, form) => say('Abandoned', form, { last_field: field }));
    begun.clear();
  });
};

/** Reports what is searched for in a form whose `data-personalization-search` names the field. */
export const search = ({ on, collected }: Core): Run => () =>
  on('submit', ({ target }) => {
    const field = target.dataset.personalizationSearch;
    const query = field !== undefined && new FormData(target).get(field || 'q');
    if (query) collected('search', 'Products Searched', { query });
  });
