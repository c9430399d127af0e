// The patterns of rules: regular expressions of one meaning in every engine, matched in time
// linear in the text. The browser's own would try some of them for longer than anyone waits.
// Rules are checked when they are saved, so whatever is read here is a pattern.

const MAX_TEXT = 10_000;
const NEWLINE = 10;

const between = (first, last) => (code) => first <= code && code <= last;
const some = (tests) => (code) => tests.some((test) => test(code));
const not = (test) => (code) => !test(code);
const DIGIT = between(48, 57);
const WORD = some([DIGIT, between(65, 90), between(95, 95), between(97, 122)]);
const SPACE = some([between(9, 13), between(32, 32)]);
const SETS = new Map([
  ["d", DIGIT],
  ["w", WORD],
  ["s", SPACE],
  ["D", not(DIGIT)],
  ["W", not(WORD)],
  ["S", not(SPACE)],
]);
const BOUNDS = new Map([
  ["*", [0, Infinity]],
  ["+", [1, Infinity]],
  ["?", [0, 1]],
]);

const programs = new Map();

/** Return whether `pattern` is found anywhere in `text`. */
export function foundIn(text, pattern) {
  const codes = Array.from(text, (sign) => sign.codePointAt(0));
  if (codes.length > MAX_TEXT) return false;
  if (!programs.has(pattern)) programs.set(pattern, new Program(new Reading(pattern).choice()));
  return programs.get(pattern).finds(codes);
}

/** Reads a pattern into parts: {test}, {anchor}, {chain}, {choice} or {part, least, most}. */
class Reading {
  constructor(text) {
    this.signs = Array.from(text);
    this.place = 0;
  }

  get next() {
    return this.signs[this.place];
  }

  take() {
    this.place += 1;
    return this.signs[this.place - 1];
  }

  took(...wanted) {
    const found = wanted.every((sign, index) => this.signs[this.place + index] === sign);
    if (found) this.place += wanted.length;
    return found;
  }

  choice() {
    const choice = [this.chain()];
    while (this.took("|")) choice.push(this.chain());
    return { choice };
  }

  chain() {
    const chain = [];
    while (this.next !== undefined && this.next !== "|" && this.next !== ")") {
      chain.push(this.repeated());
    }
    return { chain };
  }

  repeated() {
    const part = this.one();
    if (BOUNDS.has(this.next)) {
      const [least, most] = BOUNDS.get(this.take());
      return { part, least, most };
    }
    if (!this.took("{")) return part;
    const [least, most = least] = this.until("}").split(",");
    return { part, least: Number(least), most: most === "" ? Infinity : Number(most) };
  }

  until(end) {
    let text = "";
    while (!this.took(end)) text += this.take();
    return text;
  }

  one() {
    const sign = this.take();
    if (sign === "(") {
      this.took("?", ":");
      const part = this.choice();
      this.take();
      return part;
    }
    if (sign === "^" || sign === "$") return { anchor: sign };
    if (sign === "[") return { test: this.set() };
    return { test: sign === "." ? not(between(NEWLINE, NEWLINE)) : this.sign(sign) };
  }

  set() {
    const negated = this.took("^");
    const tests = [];
    while (!this.took("]")) tests.push(this.range());
    return negated ? not(some(tests)) : some(tests);
  }

  range() {
    const test = this.sign(this.take());
    const first = this.signs[this.place - 1];
    // A “-” at the very end is one of the characters.
    if (this.next !== "-" || this.signs[this.place + 1] === "]") return test;
    this.take();
    this.took("\\");
    return between(first.codePointAt(0), this.take().codePointAt(0));
  }

  sign(first) {
    const sign = first === "\\" ? this.take() : first;
    if (first === "\\" && SETS.has(sign)) return SETS.get(sign);
    return between(sign.codePointAt(0), sign.codePointAt(0));
  }
}

/** Nodes that lead to others: after a character that passes `test`, at an `anchor`, or freely. */
class Program {
  constructor(part) {
    this.nodes = [{ after: [], done: true }];
    this.entry = this.build(part, 0);
    this.seen = new Array(this.nodes.length).fill(-1);
  }

  add(node) {
    return this.nodes.push(node) - 1;
  }

  /** Add the nodes of a part, from where it goes on to `after`; return the first. */
  build(part, after) {
    if (part.chain) return part.chain.reduceRight((later, each) => this.build(each, later), after);
    if (part.choice) return this.add({ after: part.choice.map((each) => this.build(each, after)) });
    if (!part.part) return this.add({ ...part, after: [after] });
    let entry = after;
    if (part.most === Infinity) {
      entry = this.add({ after: [after] });
      this.nodes[entry].after.push(this.build(part.part, entry));
    }
    for (let n = part.least; n < part.most && part.most !== Infinity; n += 1) {
      entry = this.add({ after: [after, this.build(part.part, entry)] });
    }
    for (let n = 0; n < part.least; n += 1) entry = this.build(part.part, entry);
    return entry;
  }

  /** Walk through the text once, with all nodes that can be reached at each place. */
  finds(codes) {
    this.seen.fill(-1);
    let entered = [];
    for (let place = 0; place <= codes.length; place += 1) {
      const waiting = this.reached([...entered, this.entry], place, codes.length);
      if (waiting === null) return true;
      const passed = waiting.filter((node) => node.test(codes[place]));
      entered = passed.flatMap((node) => node.after);
    }
    return false;
  }

  /** Return the nodes that wait for a character at `place`; null once the pattern is through. */
  reached(entered, place, end) {
    const waiting = [];
    while (entered.length > 0) {
      const number = entered.pop();
      if (this.seen[number] === place) continue;
      this.seen[number] = place;
      const node = this.nodes[number];
      if (node.done) return null;
      if (node.test) waiting.push(node);
      else if (!node.anchor || place === (node.anchor === "^" ? 0 : end)) entered.push(...node.after);
    }
    return waiting;
  }
}
