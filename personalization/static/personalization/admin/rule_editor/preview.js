// The rule in plain words, and how many visitors it matches now, soon after each change.

import { AskError, ask } from "./ask.js";
import { el } from "./dom.js";

const DELAY = 300;
const EMPTY = "A segment without conditions has no members. Add one, or start from a ready rule.";

export function createPreview(addresses, request, isEmpty, { onproblems, onanswer }) {
  const sentence = el("p", { class: "pz-sentence" });
  const count = el("strong", {});
  const words = el("span", {});
  const meter = el("meter", { min: 0, "aria-hidden": "true" });
  const status = el("p", { class: "pz-count", role: "status" }, count, " ", words);
  const element = el(
    "section",
    { class: "pz-preview", "aria-label": "Preview", hidden: !addresses.preview },
    sentence,
    status,
    meter,
  );
  let timer;
  let running;

  function soon() {
    if (!addresses.preview) return;
    clearTimeout(timer);
    running?.abort();
    element.classList.add("pz-waiting");
    timer = setTimeout(now, DELAY);
  }

  async function now() {
    if (isEmpty()) return show({ sentence: "", problems: [], words: EMPTY });
    const own = new AbortController();
    running = own;
    try {
      show(await ask(addresses.preview, request(), own.signal));
      onanswer();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof AskError || error instanceof SyntaxError)) throw error;
      show({ sentence: "", problems: [], words: error.message });
    }
  }

  function show(answer) {
    const counted = typeof answer.count === "number";
    sentence.textContent = answer.sentence && `${answer.sentence}.`;
    count.textContent = counted ? answer.shown : "";
    words.textContent = counted ? `${answer.words} (${answer.share})` : wordsOf(answer);
    meter.hidden = !counted;
    if (counted) {
      meter.max = Math.max(answer.total, 1);
      meter.value = answer.count;
    }
    onproblems(answer.problems);
    element.classList.remove("pz-waiting");
  }

  return { element, soon };
}

function wordsOf({ words, problems }) {
  if (words) return words;
  const [first] = problems;
  const where = first.line ? `Line ${first.line}` : "The rule";
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return `${where} needs attention${more}: ${first.message}`;
}
