// The rule in plain words, and how many visitors it matches now, soon after each change.

import { AskError, ask } from "./ask.js";
import { createCount } from "./count.js";
import { el } from "./dom.js";

const DELAY = 300;
const EMPTY = "A segment without conditions has no members. Add one, or start from a ready rule.";

export function createPreview(addresses, request, isEmpty, { onproblems, onanswer }) {
  const sentence = el("p", { class: "pz-sentence" });
  const notes = el("ul", { class: "pz-notes", hidden: true });
  const count = createCount(addresses, request);
  const element = el(
    "section",
    { class: "pz-preview", "aria-label": "Preview", hidden: !addresses.preview },
    sentence,
    count.element,
    notes,
  );
  let timer;
  let running;

  function soon() {
    if (!addresses.preview) return;
    clearTimeout(timer);
    running?.abort();
    count.stop();
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
    sentence.textContent = answer.sentence && `${answer.sentence}.`;
    count.show({ ...answer, words: answer.words ?? attention(answer.problems) });
    const said = answer.notes ?? [];
    notes.replaceChildren(...said.map((note) => el("li", {}, note)));
    notes.hidden = !said.length;
    onproblems(answer.problems, answer.oddities ?? []);
    element.classList.remove("pz-waiting");
  }

  return { element, soon };
}

function attention(problems) {
  const [first] = problems;
  const where = first.line ? `Line ${first.line}` : "The rule";
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return `${where} needs attention${more}: ${first.message}`;
}
