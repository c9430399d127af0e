// Rules as the server stores them, answered in the browser: over the events, the consent and
// the surroundings that the page knows of itself. Nothing is sent anywhere.

import { contextLeaf } from "./rules/context.js";
import { eventLeaf, recencyLeaf, regularityLeaf } from "./rules/events.js";
import { sequenceLeaf } from "./rules/sequence.js";

/**
 * @typedef {object} Happening
 * @property {string} name
 * @property {number} at - microseconds since 1970-01-01T00:00:00Z
 * @property {string} id - of the message; orders events of one instant
 * @property {object} properties
 *
 * @typedef {object} Facts
 * @property {Happening[]} [events] - in any order, each once
 * @property {object} [context] - of this page: device, referrer, utm, path, language
 * @property {Object<string, boolean>} [consents] - purpose → true
 * @property {number} [visitGap] - microseconds without an event that end a visit
 * @property {string} [timeZone] - of the site, for calendar days and hours
 *
 * @typedef {object} Answer
 * @property {boolean} holds
 * @property {?number} changes - no later than when time alone turns the answer; null if never
 */

const VERSION = 1;
const HALF_AN_HOUR = 1_800_000_000;

/** How each kind of leaf is read: to whether it holds at an instant, and when that may turn. */
const LEAVES = new Map([
  ["event", eventLeaf],
  ["recency", recencyLeaf],
  ["sequence", sequenceLeaf],
  ["regularity", regularityLeaf],
  ["context", contextLeaf],
  ["consent", consentLeaf],
]);

/**
 * Return whether the stored `rule` holds at `now`, and when that changes without an event.
 *
 * A rule of a version that is not known holds for nobody.
 *
 * @param {object} rule
 * @param {Facts} facts
 * @param {number} now - microseconds since 1970-01-01T00:00:00Z
 * @returns {Answer}
 * @throws {Error} when a condition asks for what only the server knows
 */
export function evaluate(rule, facts, now) {
  if (rule.version !== VERSION) return { holds: false, changes: null };
  const { events = [], context = {}, consents = {} } = facts;
  const { visitGap = HALF_AN_HOUR, timeZone = "UTC" } = facts;
  return answer(rule.root, { events, context, consents, visitGap, timeZone }, now);
}

function answer(node, facts, now) {
  if (!("combinator" in node)) return answerLeaf(node, facts, now);
  const answers = node.rules.map((child) => answer(child, facts, now));
  const joined = node.combinator === "and" ? every(answers) : some(answers);
  return node.not ? negated(joined) : joined;
}

function answerLeaf(leaf, facts, now) {
  const read = LEAVES.get(leaf.kind);
  if (!read) throw new Error(`A browser cannot tell of “${leaf.kind}”: ask the server.`);
  const { holds, edges } = read(leaf, facts);
  const today = holds(now);
  const ahead = edges(now).filter((at) => at > now);
  const changes = ahead.sort((one, other) => one - other).find((at) => holds(at) !== today);
  return { holds: today, changes: changes ?? null };
}

/**
 * While all hold, the first change can end it. While some fail, all of those must change
 * first: so their last change counts, and one that never changes decides for good.
 */
function every(answers) {
  const failing = answers.filter((one) => !one.holds);
  if (!failing.length) return { holds: true, changes: soonest(answers) };
  const stays = failing.some((one) => one.changes === null);
  return { holds: false, changes: stays ? null : Math.max(...failing.map((one) => one.changes)) };
}

function some(answers) {
  return negated(every(answers.map(negated)));
}

function negated({ holds, changes }) {
  return { holds: !holds, changes };
}

function soonest(answers) {
  const known = answers.map((one) => one.changes).filter((at) => at !== null);
  return known.length ? Math.min(...known) : null;
}

/** What is necessary needs no consent. */
function consentLeaf({ purpose }, { consents }) {
  const agreed = purpose === "necessary" || consents[purpose] === true;
  return { holds: () => agreed, edges: () => [] };
}
