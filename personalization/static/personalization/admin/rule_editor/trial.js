// Trying the rule as edited on one visitor: which condition holds, which does not, and why.

import { AskError, ask } from "./ask.js";
import { el, option, textButton } from "./dom.js";

export function createTrial(addresses, request) {
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
      const body = { ...request(), visitor: input.value };
      verdict.replaceChildren(...verdictView(await ask(addresses.trial, body, own.signal)));
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof AskError || error instanceof SyntaxError)) throw error;
      verdict.textContent = error.message;
    }
  }

  /** Try the same visitor on the rule as it is now. */
  function again() {
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
  ];
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
