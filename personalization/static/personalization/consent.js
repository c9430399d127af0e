/*
 * The consent banner: shows it while there is no answer, records the answer without a reload,
 * and tells the tracker. Without JavaScript the same form is a page of its own.
 */
(function () {
  'use strict';

  const banner = document.getElementById('personalization-consent');
  if (!banner) return;

  const form = banner.querySelector('form');
  const boxes = Array.from(form.querySelectorAll('input[name="purposes"]'));
  const texts = {
    error: banner.dataset.errorText || 'Your choice could not be saved. Please try again.',
    saved: banner.dataset.savedText || 'Your choice has been saved.',
  };
  const status = form.querySelector('.pz-consent-status') || liveRegion('pz-consent-status', form);
  // The banner is hidden when this one speaks, so it must lie outside.
  const announcer = liveRegion('pz-consent-announcer', document.body);
  let busy = false;
  let opener = null;
  let seen = answer();

  function liveRegion(className, parent) {
    const region = document.createElement('p');
    region.className = className;
    region.setAttribute('role', 'status');
    region.setAttribute('aria-live', 'polite');
    return parent.appendChild(region);
  }

  /** The recorded answer, such as `1.analytics`; null if there is none to the current policy. */
  function answer() {
    const start = banner.dataset.cookie + '=';
    const cookie = document.cookie.split('; ').find((each) => each.startsWith(start));
    const value = cookie ? cookie.slice(start.length) : '';
    return value.startsWith(banner.dataset.policy + '.') ? value : null;
  }

  function purposesOf(value) {
    return value ? value.slice(value.indexOf('.') + 1).split('-').filter(Boolean) : [];
  }

  function tellTracker(purposes) {
    const tracker = (window.personalization = window.personalization || { q: [] });
    if (tracker.consent) tracker.consent(purposes);
    else tracker.q.push(['consent', purposes]);
    document.dispatchEvent(new CustomEvent('personalization:consent', { detail: { purposes } }));
  }

  function open(from) {
    const granted = purposesOf(answer());
    boxes.forEach((box) => {
      if (!box.disabled) box.checked = granted.includes(box.value);
    });
    opener = from;
    status.textContent = announcer.textContent = '';
    banner.hidden = false;
    banner.tabIndex = -1;
    banner.focus();
  }

  function close() {
    banner.hidden = true;
    if (opener) opener.focus();
    opener = null;
  }

  function chosen(choice) {
    return boxes
      .filter((box) => !box.disabled && (choice ? choice === 'all' : box.checked))
      .map((box) => box.value);
  }

  function setBusy(now) {
    busy = now;
    form.setAttribute('aria-busy', String(now));
  }

  async function record(purposes) {
    const response = await fetch(form.action, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
      body: JSON.stringify({ purposes }),
    });
    if (!response.ok) throw new Error(`consent was answered with ${response.status}`);
    return (await response.json()).purposes;
  }

  async function save(purposes) {
    if (busy) return;
    setBusy(true);
    status.textContent = '';
    try {
      // What counts is what the server recorded, not what was asked for.
      const recorded = await record(purposes);
      seen = answer();
      close();
      announcer.textContent = texts.saved;
      tellTracker(recorded);
    } catch {
      status.textContent = texts.error;
    }
    setBusy(false);
  }

  /** Follows an answer that was given in another tab, or on a page the visitor came back from. */
  function follow() {
    const now = answer();
    if (now !== seen) {
      seen = now;
      tellTracker(purposesOf(now));
    }
    if (now !== null && !opener) banner.hidden = true;
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    // Enter in a checkbox presses the form's first button, which is not what was meant.
    const typed = boxes.includes(document.activeElement);
    save(chosen(typed || !event.submitter ? '' : event.submitter.value));
  });

  // Escape puts the banner away and answers nothing: it is there again on the next page.
  banner.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') close();
  });

  document.addEventListener('click', (event) => {
    const link = event.target.closest('[data-personalization-consent]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link);
  });

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) follow();
  });
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) follow();
  });

  banner.hidden = seen !== null;
})();
