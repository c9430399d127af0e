// Slots that wait: for time, scrolling, clicks, a visitor who is about to leave, or idleness.
// What happens in the page is told to the engine of rules, and to nobody else.

import { evaluate } from "./rules.js";

const VISIT = 1_800_000; // milliseconds for which nothing is shown again
const BUSY = 1000; // milliseconds until a visitor who is busy is looked at again
const FLICK = 1.5; // windows a second that a finger scrolls up to where addresses are typed
const TYPING = "input, textarea, select, [contenteditable]";
const KEPT = new Set(["Page Clicked"]); // each counts; of the others only the last one

/** What happened in this page. */
let happenings = [];
let counted = 0;
let openedAt;
let hiddenSince = document.hidden ? performance.now() : null;
let hiddenFor = 0;
/** Everything that waits: what to check when something happens. */
const armed = new Set();
const heard = new Set();

/** The clock of this page, in microseconds: it stands still while nobody can see the page. */
function now() {
  const seen = (hiddenSince ?? performance.now()) - hiddenFor;
  return Math.round((performance.timeOrigin + seen) * 1000);
}

function remember(name, properties = {}, at = now()) {
  if (!KEPT.has(name)) happenings = happenings.filter((one) => one.name !== name);
  counted += 1;
  happenings.push({ name, at, id: String(counted).padStart(9, "0"), properties });
}

function happened(name, properties) {
  remember(name, properties);
  armed.forEach((check) => check());
}

/** What each trigger listens to; nothing is listened to that no slot waits for. */
const SENSES = {
  time_on_page() {},
  scroll_depth() {
    listen(window, "scroll", perFrame(noticeDepth));
    noticeDepth();
  },
  click_depth() {
    listen(document, "click", () => happened("Page Clicked"));
  },
  exit_intent() {
    listen(document.documentElement, "mouseleave", ({ clientY }) => {
      if (clientY <= 0) happened("Page Leaving");
    });
    if (matchMedia("(pointer: coarse)").matches) listen(window, "scroll", flicks());
  },
  inactivity() {
    const used = () => remember("Page Used"); // wakes nobody: it only puts off
    for (const name of ["pointermove", "pointerdown", "keydown", "wheel", "scroll"]) {
      listen(document, name, used);
    }
  },
};

function listen(target, name, hear) {
  target.addEventListener(name, hear, { passive: true, capture: true });
}

function perFrame(act) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      act();
    });
  };
}

/** How deep a visitor has scrolled; who has not scrolled at all has not. */
function noticeDepth() {
  if (scrollY <= 0) return;
  const { scrollHeight } = document.documentElement;
  const depth = Math.min(100, Math.round(((scrollY + innerHeight) / scrollHeight) * 100));
  const known = happenings.find(({ name }) => name === "Page Scrolled");
  if (!known || known.properties.depth < depth) happened("Page Scrolled", { depth });
}

/** Return what notices that a finger scrolls up in a hurry. */
function flicks() {
  let last = { at: performance.now(), y: scrollY };
  return () => {
    const next = { at: performance.now(), y: scrollY };
    if (next.at - last.at < 100) return;
    const windows = (last.y - next.y) / innerHeight;
    if (windows / ((next.at - last.at) / 1000) > FLICK) happened("Page Leaving");
    last = next;
  };
}

function noticeVisibility() {
  if (document.hidden) {
    hiddenSince ??= performance.now();
  } else if (hiddenSince !== null) {
    hiddenFor += performance.now() - hiddenSince;
    hiddenSince = null;
    armed.forEach((check) => check());
  }
}

/** A page that the visitor comes back to is opened once more. */
function noticeReturn({ persisted }) {
  if (!persisted) return;
  happenings = [];
  happened("Page Opened");
}

function start(opened) {
  if (openedAt !== undefined) return;
  openedAt = Math.round((performance.timeOrigin + opened) * 1000);
  remember("Page Opened", {}, Math.min(openedAt, now()));
  document.addEventListener("visibilitychange", noticeVisibility);
  addEventListener("pageshow", noticeReturn);
}

/**
 * Wait for the trigger of a decision, then show what was decided; return how to stop.
 *
 * @param {object} decision - with its `trigger`: kind, presentation, name, rule
 * @param {object} page - `opened` (of performance.now), `closeText`; `guard` names what is kept
 *   in the tab, nothing for staff; `content()` makes the nodes; `show()` puts them in their
 *   place; `shown()` and `dismissed()` report
 */
export function arm(decision, page) {
  const { trigger, slot } = decision;
  if (page.guard && wasShown(page.guard, slot)) return () => {};
  start(page.opened);
  let timer;
  let dialog = null;

  function check() {
    try {
      answer();
    } catch (error) {
      stop(); // never again, rather than an error with every click
      console.warn(`The slot ${slot} waits no more:`, error);
    }
  }

  function answer() {
    clearTimeout(timer);
    if (document.hidden) return; // the clock stands still
    const at = now();
    const { holds, changes } = evaluate(trigger.rule, { events: happenings }, at);
    if (!holds) {
      if (changes !== null) timer = setTimeout(check, Math.ceil((changes - at) / 1000));
    } else if (trigger.presentation === "dialog" && isBusy()) {
      timer = setTimeout(check, BUSY);
    } else {
      stop();
      present();
    }
  }

  function present() {
    if (trigger.presentation === "dialog") {
      // Whose arm of an experiment is the default counts at the moment at which others see it.
      if (decision.variation && !(dialog = open(decision, page))) return;
      page.shown();
    } else if (!page.show()) {
      return;
    }
    if (page.guard) rememberShown(page.guard, slot);
  }

  function stop() {
    clearTimeout(timer);
    armed.delete(check);
  }

  armed.add(check);
  if (!heard.has(trigger.kind)) {
    heard.add(trigger.kind);
    SENSES[trigger.kind]?.();
  }
  check();
  return () => {
    stop();
    dialog?.close();
  };
}

/** A visitor who types, or has another dialog open, is not interrupted. */
function isBusy() {
  return document.activeElement?.matches(TYPING) || document.querySelector(":modal") !== null;
}

/** Open a dialog with the content, which the keyboard cannot leave but by closing it. */
function open(decision, { content, closeText, dismissed }) {
  const nodes = content();
  if (!nodes) return null;
  const dialog = document.createElement("dialog");
  dialog.className = "pz-dialog";
  dialog.dataset.personalizationSlot = decision.slot;
  dialog.dataset.personalizationVariation = decision.variation;
  dialog.dataset.personalizationDecision = decision.decision_id;
  const body = document.createElement("div");
  body.className = "pz-dialog-content";
  body.append(nodes);
  dialog.append(closeButton(closeText), body);
  label(dialog, body, decision);
  closes(dialog, dismissed);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function closeButton(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "pz-dialog-close";
  button.textContent = text;
  return button;
}

/** A dialog is called as its heading is; without one, as the slot. */
function label(dialog, body, { slot, trigger }) {
  const heading = body.querySelector("h1, h2, h3, h4, h5, h6");
  if (!heading) {
    dialog.setAttribute("aria-label", trigger.name || slot);
    return;
  }
  heading.id ||= `pz-dialog-${slot}`;
  dialog.setAttribute("aria-labelledby", heading.id);
}

/** Esc, the button and a click beside the dialog dismiss it; a form of its own may close it too. */
function closes(dialog, dismissed) {
  let isDismissed = false;
  const dismiss = () => {
    isDismissed = true;
    dialog.close();
  };
  dialog.firstElementChild.addEventListener("click", dismiss);
  dialog.addEventListener("cancel", ({ target }) => {
    isDismissed ||= target === dialog; // an input for files has such an event too
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog && isBeside(dialog, event)) dismiss();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (isDismissed) dismissed();
  });
}

function isBeside(dialog, { clientX, clientY }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}

/** Which slots were shown in this tab lately: what the server counts is a moment behind. */
function shownSlots(guard) {
  try {
    return JSON.parse(sessionStorage.getItem(guard)) ?? {};
  } catch {
    return {};
  }
}

function wasShown(guard, slot) {
  return Date.now() - (shownSlots(guard)[slot] ?? -Infinity) < VISIT;
}

function rememberShown(guard, slot) {
  try {
    sessionStorage.setItem(guard, JSON.stringify({ ...shownSlots(guard), [slot]: Date.now() }));
  } catch {
    // a browser that stores nothing shows it again
  }
}
