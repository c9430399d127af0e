// The rule as JSON: making, reading and moving its parts. The editor works on the JSON
// itself, so that nothing has to be translated back.

/** How a group joins its lines; `join` is the word between two of them. */
export const MODES = [
  { value: "all", label: "all", combinator: "and", not: false, join: "and" },
  { value: "any", label: "at least one", combinator: "or", not: false, join: "or" },
  { value: "none", label: "none", combinator: "or", not: true, join: "or" },
  { value: "notall", label: "not all", combinator: "and", not: true, join: "and" },
];

export const MAX_DEPTH = 8;

export function newRule() {
  return { version: 1, root: newGroup("and") };
}

export function newGroup(combinator, rules = []) {
  return { combinator, not: false, rules };
}

export function newEvent(name) {
  return {
    kind: "event",
    event: name,
    aggregate: "count",
    operator: ">=",
    value: 1,
    window: { last: "P30D" },
  };
}

export function newRecency(event, which) {
  return { kind: "recency", event, which, operator: ">", value: "P30D" };
}

export function newRegularity(event) {
  const period = { period: "P1W", periods: 4, at_least: 3 };
  return { kind: "regularity", event, ...period, operator: ">=", value: 1 };
}

export function newProp(field) {
  return { kind: "prop", field: field?.name ?? "", operator: "=", value: emptyValue(field?.type) };
}

export function isGroup(node) {
  return typeof node === "object" && node !== null && "combinator" in node;
}

export function modeOf(group) {
  return MODES.find(
    (mode) => mode.combinator === group.combinator && mode.not === Boolean(group.not),
  );
}

export function setMode(group, value) {
  const mode = MODES.find((known) => known.value === value);
  group.combinator = mode.combinator;
  group.not = mode.not;
}

/** The value a new condition on a field of `type` starts with. */
export function emptyValue(type) {
  return { number: 1, boolean: true }[type] ?? "";
}

/** The type a value is compared under. */
export function typeOfValue(value) {
  const one = Array.isArray(value) ? value[0] : value;
  return { number: "number", boolean: "boolean" }[typeof one] ?? "text";
}

/** Turn what was entered into a value of `type`; null when it is not one. */
export function coerced(value, type) {
  if (typeof value === type || (type === "text" && typeof value === "string")) return value;
  if (type === "boolean") return value === "true";
  if (type === "text") return value === null || value === undefined ? "" : String(value);
  const number = typeof value === "string" && value.trim() ? Number(value) : NaN;
  return Number.isFinite(number) ? number : null;
}

/** Give a condition another operator; its value takes the shape that goes with it. */
export function setOperator(leaf, operator, type) {
  const values = Array.isArray(leaf.value) ? leaf.value : [leaf.value];
  leaf.operator = operator;
  if (operator === "is set" || operator === "is not set") delete leaf.value;
  else if (operator === "in" || operator === "not in") {
    leaf.value = values.filter((value) => value !== undefined && value !== null && value !== "");
  } else leaf.value = coerced(values[0] ?? emptyValue(type), type);
}
