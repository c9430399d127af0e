// Fills deferred slots: asks once for all of them, and shows what was decided, or the default.
// And lists of recommended items that everybody gets: asks for the visitor's own of each.
// Nothing is asked before the visitor agreed, and nothing is shown that comes too late.

const PATIENCE = 500; // milliseconds after which the default stays
const MOST_SLOTS = 50; // of one question
const LONGEST = 2000; // characters of an address
const PLACES = "[data-personalization-deferred]";
const LISTS = "[data-personalization-list]";
const AROUND = "[data-personalization-around]"; // is hidden while the list in it is empty
const VARIANTS = "template[data-personalization-variation]";
const GUARD = "pz_slots_shown"; // in the storage of the tab: which dialogs were shown lately
const SEEN_STEPS = [0, 0.1, 0.2, 0.3, 0.4, 0.5];

const settings = document.getElementById("personalization-slots")?.dataset;
const started = performance.now();

/** Places that were asked about, and what stood in those that show something else now. */
const asked = new Set();
const defaults = new Map();
/** What waits for a trigger: place → how to stop waiting. */
const waiting = new Map();
const touched = new WeakSet();
const watched = new Map();
const reported = new Set();
/** What is being asked. */
const questions = new Set();

const observer = new IntersectionObserver(noticeSeen, { threshold: SEEN_STEPS });

/** Return whether the visitor agreed to personalization, to the policy as it stands. */
function agreed() {
  const start = `${settings.consentCookie}=`;
  const cookie = document.cookie.split("; ").find((each) => each.startsWith(start));
  const [policy, purposes = ""] = (cookie ?? "").slice(start.length).split(".");
  return policy === settings.policy && purposes.split("-").includes("personalization");
}

/** Return whether a member of the staff pretends to be somebody: asked for, never counted. */
function isPreview() {
  return document.querySelector("[data-personalization-preview]") !== null;
}

/** Ask for all places that were not asked about yet, and show what comes before the deadline. */
async function fill(since) {
  asked.forEach((place) => place.isConnected || release(place));
  if (!(agreed() || isPreview())) return;
  open(LISTS).forEach((place) => fillList(place, since + PATIENCE).catch(complain));
  const now = open(PLACES).slice(0, MOST_SLOTS);
  if (!now.length) return;
  now.forEach((place) => asked.add(place));
  const decisions = await decide(now, since + PATIENCE);
  if (!decisions) return;
  now.forEach((place, index) => settle(place, decisions[index]));
  await fill(since); // for those inside of what is shown now, and those beyond the first fifty
}

/** Return the places that were not asked about yet. */
function open(places) {
  return [...document.querySelectorAll(places)].filter((place) => !asked.has(place));
}

/** Return the decisions in the order of the places; null when there are none in time. */
async function decide(places, deadline) {
  const answer = await ask(settings.endpoint, deadline, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ slots: places.map(asking), page: page() }),
    priority: "high",
  });
  return answer?.decisions;
}

/** Return the JSON that is answered; null when none comes in time. */
async function ask(url, deadline, options) {
  const mine = new AbortController();
  const timer = setTimeout(() => mine.abort(), deadline - performance.now());
  questions.add(mine);
  try {
    const { signal } = mine;
    const response = await fetch(url, { credentials: "same-origin", signal, ...options });
    const answer = await response.json();
    return response.ok && !signal.aborted && performance.now() < deadline ? answer : null;
  } catch {
    return null; // too late, or nobody there: the default stays
  } finally {
    clearTimeout(timer);
    questions.delete(mine);
  }
}

/** Show the visitor's own list where that of everybody stands. */
async function fillList(place, deadline) {
  asked.add(place);
  const { personalizationList, personalizationLimit, personalizationItem } = place.dataset;
  const query = new URLSearchParams({
    place: personalizationList,
    limit: personalizationLimit,
    item: personalizationItem,
    html: "1",
    shown: "0", // it is reported once it is seen
  });
  const list = await ask(`${settings.lists}?${query}`, deadline);
  if (!list?.html || !asked.has(place) || !place.isConnected || isInUse(place)) return;
  defaults.set(place, [...place.childNodes]);
  place.replaceChildren(nodesOf(list.html));
  showAround(place);
  watch(place, () => reportList(list.shown));
  tell(place);
}

/** Show the heading of a list that there is something in now, and none of one that is empty. */
function showAround(list) {
  const around = list.matches(LISTS) && list.closest(AROUND);
  if (around) around.hidden = !list.hasChildNodes();
}

function asking(place) {
  const candidates = variantsOf(place).map(({ dataset }) => ({
    key: dataset.personalizationVariation,
    segments: dataset.personalizationSegments.split(" "),
  }));
  return { slot: place.dataset.personalizationSlot, candidates };
}

function page() {
  const { pathname, search } = location;
  return {
    path: pathname.slice(0, LONGEST),
    search: search.slice(0, LONGEST),
    referrer: document.referrer.slice(0, LONGEST),
  };
}

function variantsOf(place) {
  return [...place.children].filter((child) => child.matches(VARIANTS));
}

/** Do what was decided for one place; whatever goes wrong there is no matter of the others. */
function settle(place, decision) {
  try {
    if (!decision || decision.error || !place.isConnected) return;
    if (decision.trigger) wait(place, decision).catch(complain);
    else if (decision.variation || decision.assigned) show(place, decision);
  } catch (error) {
    complain(error);
  }
}

function complain(error) {
  console.warn("A slot shows its default:", error);
}

/**
 * Show what was decided instead of the default, unless the visitor is busy with that. Whose arm of
 * an experiment is the default counts in the same cases as who is shown something.
 */
function show(place, decision) {
  if (isInUse(place)) return false;
  if (decision.variation && !replace(place, decision)) return false;
  mark(place, decision);
  if (decision.variation) tell(place);
  return true;
}

function replace(place, decision) {
  const content = contentOf(place, decision);
  if (!content) return false;
  const shown = [...place.childNodes].filter((node) => !node.matches?.(VARIANTS));
  defaults.set(place, shown);
  shown.forEach((node) => node.remove());
  place.append(content);
  return true;
}

/** Return the content as nodes; null where this page has not got it. Scripts in it do not run. */
function contentOf(place, { variation, content, parts = [{ key: variation, content }] }) {
  const pieces = parts.map((part) => part.content ?? ownContent(place, part.key));
  if (pieces.includes(null)) return null;
  return nodesOf(pieces.join(""));
}

function nodesOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function ownContent(place, key) {
  const variants = variantsOf(place);
  return variants.find((one) => one.dataset.personalizationVariation === key)?.innerHTML ?? null;
}

/** A visitor who types, selects or has touched something is not interrupted. */
function isInUse(place) {
  const selection = getSelection();
  const selects = selection && !selection.isCollapsed && selection.containsNode(place, true);
  return touched.has(place) || place.contains(document.activeElement) || selects;
}

/** Say on the place what was decided, for the clicks in it, and wait until it is seen. */
function mark(place, decision) {
  place.dataset.personalizationDecision = decision.decision_id;
  if (decision.variation) place.dataset.personalizationVariation = decision.variation;
  watch(place, () => reportShown(decision));
}

/** Do something once the place is seen. */
function watch(place, seen) {
  watched.set(place, seen);
  observer.observe(place);
}

/** Half of it in sight, or half of the window full of it, is seen. */
function noticeSeen(entries) {
  for (const { target, isIntersecting, intersectionRatio, intersectionRect } of entries) {
    const fills = intersectionRect.height >= innerHeight / 2;
    if (isIntersecting && (intersectionRatio >= 0.5 || fills)) {
      observer.unobserve(target);
      watched.get(target)?.();
    }
  }
}

/** Report that a decision was really shown, once; its id is that of the message. */
function reportShown(decision) {
  if (reported.has(decision.decision_id)) return;
  reported.add(decision.decision_id);
  const { slot, variation, decision_id, probability, reason, assigned, proof } = decision;
  const properties = { slot, decision_id, probability, reason };
  if (variation) properties.variation = variation;
  if (assigned) properties.assigned = assigned;
  if (proof) properties.proof = proof; // that we did not make it up
  track("Slot Shown", properties, { messageId: decision_id });
  decision.lists?.forEach(reportList);
}

/** The same of a list of items. */
function reportList(list) {
  if (reported.has(list.decision_id)) return;
  reported.add(list.decision_id);
  track("Recommendation Shown", list, { messageId: list.decision_id });
}

/** Hand an event to the tracker, also to one that is loaded later. */
function track(...event) {
  if (isPreview()) return;
  const tracker = (window.personalization ||= { q: [] });
  if (tracker.track) tracker.track(...event);
  else (tracker.q ||= []).push(["track", ...event]);
}

/** Tell the page's own scripts that another content stands in the place. */
function tell(place) {
  const {
    personalizationList: list,
    personalizationSlot: slot,
    personalizationVariation: variation = "",
  } = place.dataset;
  const name = `personalization:${list ? "list" : "slot"}`;
  const detail = list ? { place: list } : { slot, variation };
  place.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
}

/** Wait for the trigger of a slot; only now is the rest of the code needed. */
async function wait(place, decision) {
  const token = {};
  waiting.set(place, token);
  const { arm } = await import(settings.triggers);
  if (waiting.get(place) !== token) return; // the visitor has withdrawn meanwhile
  const stop = arm(decision, {
    opened: started,
    guard: isPreview() ? null : GUARD,
    closeText: settings.closeText,
    content: () => contentOf(place, decision),
    show: () => show(place, decision),
    shown: () => reportShown(decision),
    dismissed() {
      const { slot, variation, decision_id } = decision;
      track("Slot Dismissed", { slot, variation, decision_id });
    },
  });
  waiting.set(place, { stop });
}

/** Back to the default everywhere, as if nothing had been asked. */
function empty() {
  questions.forEach((question) => question.abort());
  asked.forEach((place) => {
    const shown = defaults.get(place);
    release(place);
    if (!shown) return;
    [...place.childNodes].forEach((node) => node.matches?.(VARIANTS) || node.remove());
    place.prepend(...shown);
    showAround(place);
    tell(place);
  });
  try {
    sessionStorage.removeItem(GUARD);
  } catch {
    // a browser that stores nothing has nothing to forget
  }
}

/** Forget what was decided for a place. */
function release(place) {
  waiting.get(place)?.stop?.();
  observer.unobserve(place);
  [asked, waiting, watched, defaults, touched].forEach((kept) => kept.delete(place));
  delete place.dataset.personalizationDecision;
  delete place.dataset.personalizationVariation;
}

function follow() {
  if (agreed() || isPreview()) fill(performance.now());
  else empty();
}

function noticeTouch({ target }) {
  const any = `${PLACES}, ${LISTS}`;
  for (let place = target.closest?.(any); place; place = place.parentElement?.closest(any)) {
    touched.add(place);
  }
}

if (settings) {
  for (const name of ["pointerdown", "input"]) {
    document.addEventListener(name, noticeTouch, { capture: true, passive: true });
  }
  document.addEventListener("personalization:consent", follow);
  // A page that puts in new places says so: document.dispatchEvent(new Event("…")).
  document.addEventListener("personalization:slots", follow);
  addEventListener("pageshow", ({ persisted }) => persisted && follow());
  fill(started);
}
