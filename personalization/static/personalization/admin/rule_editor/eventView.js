// How often and when something happened.

import { el, option } from "./dom.js";
import { readDuration, writeDuration } from "./rule.js";

const UNITS = ["minutes", "hours", "days", "weeks"];

/** “at least 3 times” */
export function countPart(ui, place) {
  const { leaf } = place;
  const times = el("span", {}, timesWord(leaf.value));
  const select = el(
    "select",
    { onchange: () => ui.set(leaf, "operator", select.value) },
    ...ui.catalogue.count_operators.map((known) =>
      option(known.value, known.label, leaf.operator),
    ),
  );
  const input = el("input", {
    type: "number",
    min: 0,
    max: 1000,
    step: 1,
    required: true,
    value: leaf.value,
    oninput: () => {
      ui.set(leaf, "value", input.value === "" ? null : Number(input.value));
      times.textContent = timesWord(leaf.value);
    },
  });
  return [
    ui.control(select, place, "operator", "How often", ["operator"]),
    ui.control(input, place, "value", "Number of times", ["value"]),
    times,
  ];
}

function timesWord(n) {
  return n === 1 ? "time" : "times";
}

/** “in the last 24 hours”, “between … and …”, “ever” */
export function windowPart(ui, place) {
  const { leaf } = place;
  const span = leaf.window;
  const chosen = !span ? "ever" : "last" in span ? "last" : "between";
  const select = el(
    "select",
    {
      onchange: () => {
        leaf.window = newWindow(select.value);
        if (!leaf.window) delete leaf.window;
        ui.redraw();
      },
    },
    option("last", "in the last", chosen),
    option("between", "between", chosen),
    option("ever", "at any time", chosen),
  );
  const parts = { ever: () => [], last: lastPart, between: betweenPart }[chosen];
  return [
    ui.control(select, place, "window", "Time", ["window"]),
    ...parts(ui, place),
  ];
}

function newWindow(kind) {
  if (kind === "last") return { last: "P30D" };
  if (kind === "ever") return null;
  const today = new Date();
  const before = new Date(today - 30 * 86_400_000);
  return { from: `${isoDay(before)}T00:00:00Z`, to: `${isoDay(today)}T00:00:00Z` };
}

function isoDay(date) {
  return date.toISOString().slice(0, 10);
}

function lastPart(ui, place) {
  const { leaf } = place;
  const { number, unit } = readDuration(leaf.window.last);
  const write = () => {
    // What is no whole number is left for the server to refuse, at this line.
    const n = /^\d+$/.test(input.value) ? Number(input.value) : input.value;
    ui.set(leaf.window, "last", writeDuration(n, units.value));
  };
  const input = el("input", {
    type: "number", min: 1, step: 1, required: true, value: number, oninput: write,
  });
  const offered = UNITS.includes(unit) ? UNITS : ["seconds", ...UNITS];
  const units = el(
    "select",
    { onchange: write },
    ...offered.map((name) => option(name, name, unit)),
  );
  return [
    ui.control(input, place, "length", "Length of time", ["window/last"]),
    ui.control(units, place, "unit", "Unit of time", []),
  ];
}

function betweenPart(ui, place) {
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
