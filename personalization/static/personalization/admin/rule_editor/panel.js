// A part below the rule that opens, asks the server about the rule as edited, and shows it.

import { AskError, ask, askLines } from "./ask.js";
import { el, textButton } from "./dom.js";

/**
 * Make a panel. `draw(answer)` returns the nodes that show an answer; `controls` stand before
 * the button `verb`, and `options()` is what they add to the request. An `eager` panel asks
 * when it opens and after each change; any other waits for its button. With `lines`, the
 * answer comes in several versions, each better than the one before; `draw` shows each.
 */
export function createPanel({
  name, title, verb, address, request, draw, controls = [], options = () => ({}), eager = false,
  lines = false,
}) {
  const status = el("p", { class: "pz-quiet", role: "status" });
  const body = el("div", { class: "pz-panel-body" });
  const go = textButton(verb, run);
  const cancel = textButton("Cancel", stop, { hidden: true });
  const element = el(
    "details",
    { class: `pz-panel-box pz-${name}`, hidden: !address, ontoggle: opened },
    el("summary", {}, title),
    el("div", { class: "pz-trial-controls" }, ...controls, go, cancel),
    status,
    body,
  );
  let running;

  function opened() {
    if (element.open && eager && !body.hasChildNodes()) run();
  }

  async function run() {
    running?.abort();
    const own = new AbortController();
    running = own;
    say("Working…", true);
    try {
      const asked = { ...request(), ...options() };
      if (lines) await askLines(address, asked, own.signal, show);
      else show(await ask(address, asked, own.signal));
      say("", false);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof AskError || error instanceof SyntaxError)) throw error;
      body.replaceChildren();
      say(error.message, false);
    }
  }

  function show(answer) {
    body.replaceChildren(...draw(answer));
    body.classList.remove("pz-stale");
  }

  function stop() {
    running?.abort();
    say(body.hasChildNodes() ? "Cancelled: this is how far it came." : "Cancelled.", false);
  }

  function say(text, busy) {
    status.textContent = text;
    cancel.hidden = !busy;
    go.hidden = busy;
  }

  /** The rule is another one now: ask again, or say that the answer is of the one before. */
  function again() {
    if (!element.open || !body.hasChildNodes()) return;
    if (eager) {
      run();
      return;
    }
    body.classList.add("pz-stale");
    status.textContent = "The rule has changed since.";
  }

  return { element, again };
}
