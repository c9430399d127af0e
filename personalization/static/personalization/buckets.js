// Which arm of an experiment a visitor is in, decided in the browser or at the edge of a network:
// the same answers as `personalization.experiments` gives on the server. Nothing is sent anywhere.
//
// The hashing is GrowthBook's, versions 1 and 2. Units and seeds are ASCII: JavaScript counts
// other characters in another way than most languages.

/**
 * @typedef {[number, number]} Range - buckets from the first on and before the second, in [0, 1]
 *
 * @typedef {object} Arm
 * @property {string} key
 * @property {string} [content] - what it shows
 *
 * @typedef {object} Trial - an experiment
 * @property {string} key
 * @property {Arm[]} arms
 * @property {number[]} weights - the share of each arm
 * @property {string} [seed] - what is hashed with units; the key if there is none
 * @property {number} [hashVersion] - 2 if it is not said
 * @property {number} [coverage] - the share of visitors that take part
 * @property {[number, number][]} [ramp] - later shares, each after the instant it holds from
 * @property {{name: string, held: Range}} [namespace]
 * @property {string} [audience] - the segment whose members take part
 * @property {number} [starts] - microseconds since 1970-01-01T00:00:00Z, like all instants
 * @property {number} [ends]
 * @property {(context: object) => number[]} [policy] - the weights of a bandit for a visitor
 *
 * @typedef {object} Entrant - who may take part
 * @property {string} unit - what chance is drawn by; empty for nobody
 * @property {string[]} [segments]
 * @property {number} [now]
 * @property {object} [context] - what a bandit knows of the visitor
 * @property {Object<string, string>} [forced] - experiment → arm, whatever chance says
 *
 * @typedef {object} Assigned
 * @property {string} experiment
 * @property {string} arm
 * @property {number} probability
 *
 * @typedef {object} Sticky - by what an experiment keeps its visitors
 * @property {string} [attribute] - `id` if it is not said
 * @property {string} [fallback] - what counts where a visitor has no such attribute
 * @property {number} [version] - a new one draws anew
 * @property {number} [least] - who came into an arm before this version takes no part any more
 */

const PRIME = 0x01000193;
const OFFSET = 0x811c9dc5;

/** What the arms of a holdout are called. */
export const SHOWN = "shown";
export const HELD_OUT = "held_out";

/**
 * Return the 32-bit FNV-1a hash of an ASCII text.
 *
 * @param {string} text
 * @param {number} [after] - the hash of what stands before it
 * @returns {number}
 * @throws {RangeError} for a text that is not ASCII
 */
export function fnv1a32(text, after = OFFSET) {
  let number = after;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) {
      const why = "languages disagree on the hash of other characters";
      throw new RangeError(`“${text}” is not ASCII: ${why}.`);
    }
    number = Math.imul(number ^ code, PRIME);
  }
  return number >>> 0;
}

/**
 * Return a number in [0, 1), evenly spread over units; those of two seeds are independent.
 *
 * @param {string} unit
 * @param {{seed: string, version?: number}} by
 * @returns {number}
 * @throws {RangeError} for another version than 1 and 2, and for what is not ASCII
 */
export function bucket(unit, { seed, version = 2 }) {
  if (version === 2) {
    return (fnv1a32(String(fnv1a32(unit, fnv1a32(seed)))) % 10000) / 10000;
  }
  if (version === 1) return (fnv1a32(seed, fnv1a32(unit)) % 1000) / 1000;
  throw new RangeError(`The version of the hash is ${version}; allowed: 1, 2.`);
}

/**
 * Return whether the unit is in the part of the namespace that an experiment holds.
 *
 * @param {string} unit
 * @param {string} namespace
 * @param {Range} held
 * @returns {boolean}
 */
export function inNamespace(unit, namespace, [start, end]) {
  const number = bucket(unit, { seed: `__${namespace}`, version: 1 });
  return start <= number && number < end;
}

export function equalWeights(n) {
  return n > 0 ? Array(n).fill(1 / n) : [];
}

/**
 * Return the weights that `n` arms are divided by: equal ones if those that are stated are not
 * as many, or do not add up to 1.
 *
 * @param {number} n
 * @param {?number[]} weights
 * @returns {number[]}
 */
export function weightsInForce(n, weights) {
  if (!weights || weights.length !== n) return equalWeights(n);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return total >= 0.99 && total <= 1.01 ? weights : equalWeights(n);
}

/**
 * Return the buckets of each of `n` arms; what lies in none of them is in no arm.
 *
 * More coverage moves nobody from one arm into another.
 *
 * @param {number} n
 * @param {{coverage?: number, weights?: ?number[]}} [how]
 * @returns {Range[]}
 */
export function rangesOf(n, { coverage = 1, weights = null } = {}) {
  const covered = Math.min(Math.max(coverage, 0), 1);
  let next = 0;
  return weightsInForce(n, weights).map((weight) => {
    const start = next;
    next += weight;
    return [start, start + covered * weight];
  });
}

/**
 * Return the place of the arm in whose range the bucket lies; null: in none of them.
 *
 * @param {number} number
 * @param {Range[]} ranges
 * @returns {?number}
 */
export function armAt(number, ranges) {
  const place = ranges.findIndex(([start, end]) => start <= number && number < end);
  return place < 0 ? null : place;
}

/**
 * Return the arm that the entrant is in; null for who does not take part.
 *
 * @param {Trial} trial
 * @param {Entrant} entrant
 * @returns {?Assigned}
 * @throws {RangeError} for a unit or a seed that is not ASCII
 */
export function assign(trial, entrant) {
  if (trial.arms.length < 2) return null;
  if (isForced(trial, entrant)) {
    const arm = entrant.forced[trial.key];
    return placeOf(trial, arm) === null ? null : { experiment: trial.key, arm, probability: 1 };
  }
  return runs(trial, entrant) && takesPart(trial, entrant) ? drawn(trial, entrant) : null;
}

function isForced(trial, { forced }) {
  return forced != null && Object.hasOwn(forced, trial.key);
}

function placeOf(trial, key) {
  const place = trial.arms.findIndex((arm) => arm.key === key);
  return place < 0 ? null : place;
}

function runs({ starts, ends }, { now = 0 }) {
  return !(starts != null && now < starts) && !(ends != null && now >= ends);
}

function takesPart({ audience, namespace }, { unit, segments = [] }) {
  if (!unit) return false;
  if (audience && !segments.includes(audience)) return false;
  return !namespace || inNamespace(unit, namespace.name, namespace.held);
}

function drawn(trial, entrant) {
  const weights = weightsOf(trial, entrant);
  const ranges = rangesOf(weights.length, { coverage: coverageOf(trial, entrant), weights });
  const version = trial.hashVersion ?? 2;
  const number = bucket(entrant.unit, { seed: trial.seed || trial.key, version });
  const place = armAt(number, ranges);
  return place === null ? null : assigned(trial, place, weights);
}

function assigned(trial, place, weights) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const probability = weights[place] / total;
  return { experiment: trial.key, arm: trial.arms[place].key, probability };
}

function weightsOf(trial, { context = {} }) {
  const weights = trial.policy ? trial.policy(context) : trial.weights;
  return weightsInForce(trial.arms.length, weights);
}

function coverageOf({ coverage = 1, ramp = [] }, { now = 0 }) {
  const held = ramp.filter(([since]) => since <= now);
  return held.length ? held[held.length - 1][1] : coverage;
}

/**
 * Return whether the unit is held out from what `name` says; null where nobody is.
 *
 * @param {string} name - of any characters: those beyond ASCII are hashed as JSON escapes
 * @param {{unit: string, share: number}} who
 * @returns {?Assigned}
 */
export function holdout(name, { unit, share }) {
  if (share <= 0 || !unit) return null;
  const isOut = bucket(unit, { seed: `holdout:${plain(name)}` }) < share;
  return isOut
    ? { experiment: name, arm: HELD_OUT, probability: share }
    : { experiment: name, arm: SHOWN, probability: 1 - share };
}

function plain(name) {
  return name.replace(/[^\x00-\x7f]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/**
 * Return the arm that a document remembers, or else that `assign` finds, and remember it.
 *
 * A document is kept for each value of an attribute, under `attribute||value`; it leads from
 * `experiment__version` to the key of an arm. Those that are given are not changed: keep the
 * ones that are returned. Who is remembered stays, whatever audience, namespace, coverage and
 * weights have become; the schedule holds for them too. Who is forced is not remembered.
 *
 * @param {Trial} trial
 * @param {Entrant} entrant - its unit is taken from the attributes
 * @param {{by: Sticky, attributes: Object<string, string>,
 *   documents: Object<string, Object<string, string>>}} known
 * @returns {{found: ?Assigned, documents: object, remembered: boolean}}
 */
export function assignSticky(trial, entrant, { by, attributes, documents }) {
  const { attribute, unit } = unitOf(by, attributes);
  const entering = { ...entrant, unit };
  if (isForced(trial, entering) || !unit || !runs(trial, entering)) {
    return { found: assign(trial, entering), documents, remembered: false };
  }
  const known = knownOf(by, attributes, documents);
  if (isBlocked(trial, by, known)) return { found: null, documents, remembered: true };
  const name = `${trial.key}__${by.version ?? 0}`;
  const kept = remembered(trial, entering, known[name]);
  const found = kept ?? assign(trial, entering);
  if (!found) return { found, documents, remembered: false };
  const key = `${attribute}||${unit}`;
  const document = { ...documents[key], [name]: found.arm };
  return { found, documents: { ...documents, [key]: document }, remembered: kept !== null };
}

function unitOf({ attribute = "id", fallback = "" }, attributes) {
  if (!attributes[attribute] && attributes[fallback]) {
    return { attribute: fallback, unit: attributes[fallback] };
  }
  return { attribute, unit: attributes[attribute] ?? "" };
}

function knownOf({ attribute = "id", fallback = "" }, attributes, documents) {
  const kept = (name) => (attributes[name] ? documents[`${name}||${attributes[name]}`] : {});
  return { ...kept(fallback), ...kept(attribute) };
}

function isBlocked(trial, { least = 0 }, known) {
  const versions = Array.from({ length: least }, (_, version) => version);
  return versions.some((version) => Object.hasOwn(known, `${trial.key}__${version}`));
}

function remembered(trial, entrant, key) {
  const place = key === undefined || trial.arms.length < 2 ? null : placeOf(trial, key);
  return place === null ? null : assigned(trial, place, weightsOf(trial, entrant));
}
