/*
 * The consent banner: shows it while there is no answer, records the answer without a reload,
 * and tells the tracker, deferred slots and Google's tags. What the browser says for its visitor
 * is heeded before anything is asked. Without JavaScript the same form is a page of its own.
 */
(function () {
  'use strict';

  const banner = document.getElementById('personalization-consent');
  if (!banner) return;

  /** Google's consent types by our purposes. */
  const TYPES = {
    analytics: ['analytics_storage'],
    personalization: ['personalization_storage'],
    marketing: ['ad_storage', 'ad_user_data', 'ad_personalization'],
  };
  /** Stands among the purposes of an answer that was given although the browser objects. */
  const DESPITE = 'signal';

  const form = banner.querySelector('form');
  const boxes = Array.from(form.querySelectorAll('input[name="purposes"]'));
  const note = form.querySelector('.pz-consent-signal');
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

  function wordsOf(value) {
    return value ? value.slice(value.indexOf('.') + 1).split('-').filter(Boolean) : [];
  }

  /** The purposes that count: none while the browser objects and was not overruled. */
  function purposesOf(value) {
    const words = wordsOf(value);
    return objects() && !words.includes(DESPITE) ? [] : words.filter((word) => word !== DESPITE);
  }

  function objects() {
    if (banner.dataset.signals === 'ignore') return false;
    return navigator.globalPrivacyControl === true || navigator.doNotTrack === '1';
  }

  function tell(purposes) {
    const tracker = (window.personalization = window.personalization || { q: [] });
    if (tracker.consent) tracker.consent(purposes);
    else tracker.q.push(['consent', purposes]);
    document.dispatchEvent(new CustomEvent('personalization:consent', { detail: { purposes } }));
    tellGoogle('update', purposes);
  }

  function tellGoogle(command, purposes) {
    if (!('consentMode' in banner.dataset)) return;
    const types = {};
    Object.keys(TYPES).forEach((purpose) => {
      const state = purposes.includes(purpose) ? 'granted' : 'denied';
      TYPES[purpose].forEach((type) => (types[type] = state));
    });
    const layer = (window.dataLayer = window.dataLayer || []);
    // Google's library only takes `arguments` objects, not lists.
    (function () {
      layer.push(arguments);
    })('consent', command, types);
  }

  function open(from) {
    const granted = purposesOf(answer());
    boxes.forEach((box) => {
      if (!box.disabled) box.checked = granted.includes(box.value);
    });
    opener = from;
    status.textContent = announcer.textContent = '';
    if (note) note.hidden = !objects();
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

  /** Posts to the server and returns what it recorded: that counts, not what was asked for. */
  async function post(address, body) {
    const response = await fetch(address, {
      method: 'POST',
      credentials: 'same-origin',
      keepalive: true,
      headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`consent was answered with ${response.status}`);
    const { purposes } = await response.json();
    seen = answer();
    return purposes;
  }

  /** What was shown, so that the record says to what the answer was given. */
  function shown() {
    const { texts: digest, language } = form.elements;
    return { texts: digest ? digest.value : '', language: language ? language.value : '' };
  }

  async function save(purposes) {
    if (busy) return;
    setBusy(true);
    status.textContent = '';
    try {
      const said = { purposes, despite_signal: objects(), ...shown() };
      const recorded = await post(form.action, said);
      close();
      announcer.textContent = texts.saved;
      tell(recorded);
    } catch {
      status.textContent = texts.error;
    }
    setBusy(false);
  }

  /** Takes back what was agreed to before the browser objected. */
  function withdraw() {
    tell([]);
    post(form.action, { signal: true }).catch(() => {});
  }

  /** Asks the server whether a yes counts here until it is taken back; if not, the visitor. */
  async function presume() {
    let purposes = null;
    try {
      purposes = await post(banner.dataset.presume, {});
    } catch {
      // Whoever cannot be presumed to agree is asked.
    }
    if (purposes) tell(purposes);
    else if (seen === null) banner.hidden = false;
  }

  /** Does what follows from the answer, from the browser's signal, or from there being neither. */
  function heed() {
    const words = wordsOf(seen);
    banner.hidden = seen !== null || objects() || !!banner.dataset.presume;
    if (objects()) {
      if (words.length && !words.includes(DESPITE)) withdraw();
    } else if (seen === null && banner.dataset.presume) {
      presume();
    }
  }

  /** Follows an answer that was given in another tab, or on a page the visitor came back from. */
  function follow() {
    const now = answer();
    if (now !== seen) {
      seen = now;
      tell(purposesOf(now));
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

  // Google's tags wait for the default, and an answer of earlier is told as an update.
  tellGoogle('default', []);
  if (seen !== null) tellGoogle('update', purposesOf(seen));
  heed();
})();
