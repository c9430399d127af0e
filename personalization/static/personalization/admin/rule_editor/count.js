// How many visitors match: at once from a sample where there are many, then of everybody.

import { AskError, ask } from "./ask.js";
import { el, textButton } from "./dom.js";

export function createCount(addresses, request) {
  const figure = el("strong", {});
  const words = el("span", {});
  const progress = el("span", { class: "pz-quiet" });
  const meter = el("meter", { min: 0, "aria-hidden": "true" });
  const cancel = textButton("Cancel", () => {
    stop();
    offer("Counting everybody was cancelled.");
  });
  const again = textButton("Count everybody", all);
  const element = el(
    "div",
    {},
    el("p", { class: "pz-count", role: "status" }, figure, " ", words),
    meter,
    el("p", { class: "pz-progress", hidden: true }, progress, " ", cancel, again),
  );
  const bar = element.lastElementChild;
  let running;

  /** Show an answer of the server; one from a sample is followed by a count of everybody. */
  function show(answer) {
    stop();
    draw(answer);
    if (answer.estimate) all();
  }

  function draw({ count, shown, total, words: text, share }) {
    const counted = typeof count === "number";
    figure.textContent = counted ? shown : "";
    words.textContent = counted ? `${text} (${share})` : text;
    meter.hidden = !counted;
    if (counted) {
      meter.max = Math.max(total, 1);
      meter.value = count;
    }
  }

  async function all() {
    const own = { abort: new AbortController(), ticket: newTicket() };
    running = own;
    progress.textContent = "An estimate from a sample. Counting everybody…";
    bar.hidden = cancel.hidden = false;
    again.hidden = true;
    try {
      const body = { ...request(), ticket: own.ticket };
      const answer = await ask(addresses.count, body, own.abort.signal);
      running = null;
      if (typeof answer.count !== "number") return offer(answer.words);
      bar.hidden = true;
      draw(answer);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof AskError)) throw error;
      running = null;
      offer(error.message);
    }
  }

  /** Stop a running count, here and in the database. */
  function stop() {
    bar.hidden = true;
    if (!running) return;
    running.abort.abort();
    ask(addresses.cancel, { ticket: running.ticket }).catch((error) => {
      // Nothing is lost: the database gives up by itself after some seconds.
      if (!(error instanceof AskError)) throw error;
    });
    running = null;
  }

  function offer(text) {
    progress.textContent = text;
    bar.hidden = again.hidden = false;
    cancel.hidden = true;
  }

  return { element, show, stop };
}

/** A name for one count, by which it can be stopped. Not `randomUUID`: that needs HTTPS. */
function newTicket() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
