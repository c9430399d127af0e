// Trying the rule as edited on one visitor: which condition holds, which does not, and why.

import { createAsIf } from "./asIf.js";
import { AskError, ask } from "./ask.js";
import { el, option, textButton } from "./dom.js";

export function createTrial(addresses, request, catalogue) {
  const asIf = createAsIf(catalogue, () => verdict.hasChildNodes() && run());
  const input = el("input", {
    type: "text",
    id: "pz-trial-visitor",
    placeholder: "profile id, e-mail or user id",
    onkeydown: (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // it would save the segment
      run();
    },
  });
  const recent = el(
    "select",
    { "aria-label": "Visitors seen last", onchange: () => pick(recent.value) },
    option("", "or one seen lately…", ""),
  );
  const verdict = el("div", { class: "pz-verdict", role: "status" });
  const element = el(
    "details",
    { class: "pz-trial", hidden: !addresses.trial, ontoggle: load },
    el("summary", {}, "Try a visitor"),
    el(
      "div",
      { class: "pz-trial-controls" },
      el("label", { for: input.id }, "Visitor"),
      input,
      recent,
      textButton("Try", run),
    ),
    asIf.element,
    verdict,
  );
  let loaded = false;
  let running;

  async function load() {
    if (!element.open || loaded) return;
    loaded = true;
    try {
      const { visitors } = await ask(addresses.visitors);
      recent.append(...visitors.map((known) => option(String(known.id), known.label)));
    } catch (error) {
      if (!(error instanceof AskError)) throw error;
      verdict.textContent = error.message;
    }
  }

  function pick(id) {
    if (!id) return;
    input.value = id;
    run();
  }

  async function run() {
    if (!input.value.trim()) return;
    running?.abort();
    const own = new AbortController();
    running = own;
    try {
      const body = { ...request(), visitor: input.value, context: asIf.values() };
      verdict.replaceChildren(...verdictView(await ask(addresses.trial, body, own.signal)));
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof AskError || error instanceof SyntaxError)) throw error;
      verdict.textContent = error.message;
    }
  }

  /** Try the same visitor on the rule as it is now, which can be read. */
  function again() {
    asIf.follow(request().rule);
    if (element.open && verdict.hasChildNodes()) run();
  }

  return { element, again };
}

function verdictView(answer) {
  return [
    el(
      "p",
      {},
      mark(answer.holds, "matches", "does not match"),
      " ",
      el("a", { href: answer.url }, answer.label),
    ),
    reasonList(answer.reasons),
    el("p", { class: "pz-quiet" }, answer.when),
    answer.changes?.length ? changesView(answer) : "",
  ];
}

/** What would turn the answer: each of these does it alone. */
function changesView({ holds, changes }) {
  return el(
    "div",
    { class: "pz-changes" },
    el("p", {}, holds ? "Each of these would take them out:" : "Each of these would bring them in:"),
    el("ul", {}, ...changes.map((change) => el("li", {}, change))),
  );
}

function reasonList(reasons) {
  return el("ul", { class: "pz-reasons" }, ...reasons.map(reasonItem));
}

function reasonItem({ text, holds, actual, reasons }) {
  return el(
    "li",
    {},
    mark(holds, "yes", "no"),
    " ",
    el("span", { class: "pz-reason" }, text),
    actual ? el("span", { class: "pz-actual" }, actual) : null,
    reasons.length ? reasonList(reasons) : null,
  );
}

function mark(holds, yes, no) {
  return el("span", { class: `pz-mark pz-mark-${holds ? "yes" : "no"}` }, holds ? yes : no);
}
