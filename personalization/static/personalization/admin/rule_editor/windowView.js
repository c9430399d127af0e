// When it happened: “in the last 24 hours”, “between 30 days and 7 days ago”, “in this visit”.

import { el, option } from "./dom.js";
import { durationPart } from "./durationView.js";

const TIMES = {
  last: "in the last",
  ago: "between",
  dates: "between the dates",
  ever: "at any time",
};
const WITH_VISIT = { ...TIMES, visit: "in this visit" };
const PARTS = { last: lastPart, ago: agoPart, dates: datesPart, ever: () => [] };
const LATEST = ["Until how long ago", "Unit of until"];

/** Make the controls of an event's window, and of the visit it may be bound to. */
export function windowPart(ui, place) {
  const { leaf } = place;
  const time = timeOf(leaf.window);
  if (leaf.scope !== "visit") return [timeSelect(ui, place, time), ...PARTS[time](ui, place)];
  // A visit is short: when in it matters to few, so it reads as the end of the line.
  return [
    timeSelect(ui, place, "visit"),
    ...(leaf.window ? withinVisit(ui, place, time) : [withinButton(ui, place)]),
  ];
}

function timeOf(span) {
  if (!span) return "ever";
  if ("last" in span) return "until" in span ? "ago" : "last";
  return "dates";
}

function timeSelect(ui, place, chosen) {
  const { leaf } = place;
  const select = el(
    "select",
    {
      onchange: () => {
        if (select.value === "visit") leaf.scope = "visit";
        else delete leaf.scope;
        setWindow(leaf, select.value === "visit" ? "ever" : select.value);
        ui.redraw();
      },
    },
    ...Object.entries(WITH_VISIT).map(([value, label]) => option(value, label, chosen)),
  );
  return ui.control(select, place, "window", "Time", ["window", "scope"]);
}

function withinButton(ui, place) {
  const begin = () => {
    setWindow(place.leaf, "last", "PT10M");
    ui.redraw(`${ui.keyOf(place.leaf)}:within`);
  };
  return el(
    "button",
    {
      type: "button",
      class: "pz-link",
      onclick: begin,
      "data-key": `${ui.keyOf(place.leaf)}:begin`,
      "aria-label": "Limit the time in the visit",
    },
    "when in it…",
  );
}

function withinVisit(ui, place, time) {
  const { leaf } = place;
  const select = el(
    "select",
    {
      onchange: () => {
        setWindow(leaf, select.value, "PT10M");
        ui.redraw();
      },
    },
    ...Object.entries(TIMES).map(([value, label]) => option(value, label, time)),
  );
  return [ui.control(select, place, "within", "Time in the visit", []), ...PARTS[time](ui, place)];
}

function setWindow(leaf, time, last = "P30D") {
  const kept = leaf.window && "last" in leaf.window ? leaf.window.last : last;
  if (time === "ever") delete leaf.window;
  else if (time === "last") leaf.window = { last: kept };
  else if (time === "ago") leaf.window = { last: kept, until: nearer(kept) };
  else leaf.window = recentDates();
}

/** A first value for “until”, which has to be shorter than `last`. */
function nearer(last) {
  return { P30D: "P7D", PT10M: "PT5M" }[last] ?? "PT1M";
}

function recentDates() {
  const today = new Date();
  const before = new Date(today - 30 * 86_400_000);
  return { from: `${isoDay(before)}T00:00:00Z`, to: `${isoDay(today)}T00:00:00Z` };
}

function isoDay(date) {
  return date.toISOString().slice(0, 10);
}

function lastPart(ui, place) {
  return durationPart(ui, place, place.leaf.window, "last", { tail: "window/last" });
}

function agoPart(ui, place) {
  const span = place.leaf.window;
  return [
    ...lastPart(ui, place),
    el("span", {}, "and"),
    ...durationPart(ui, place, span, "until", { tail: "window/until", labels: LATEST }),
    el("span", {}, "ago"),
  ];
}

function datesPart(ui, place) {
  return [
    instantInput(ui, place, "from", "From, in UTC"),
    el("span", {}, "and"),
    instantInput(ui, place, "to", "To, in UTC"),
    el("span", { class: "pz-quiet" }, "UTC"),
  ];
}

function instantInput(ui, place, key, label) {
  const span = place.leaf.window;
  const input = el("input", {
    type: "datetime-local",
    step: 1,
    required: true,
    value: inUtc(span[key]),
    oninput: () => ui.set(span, key, input.value && `${input.value}Z`),
  });
  return ui.control(input, place, key, label, [`window/${key}`]);
}

/** An instant without offset means UTC to the server; the browser would take it as local. */
function inUtc(text) {
  const named = /(Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`;
  const date = new Date(named);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(0, 19);
}
