// What is measured of the events of a line: how many there are, or what a property comes to.

/** The aggregates, as the unit of the number before them. */
export const MEASURES = [
  { value: "count", label: "times" },
  { value: "days", label: "different days" },
  { value: "distinct", label: "different values of" },
  { value: "sum", label: "in total of" },
  { value: "avg", label: "on average of" },
  { value: "min", label: "as the lowest" },
  { value: "max", label: "as the highest" },
];

/** Those of the numbers of a property, and those that need a property at all. */
export const OF_NUMBERS = ["sum", "avg", "min", "max"];
export const OF_A_PROPERTY = ["distinct", ...OF_NUMBERS];

const MOST = 1000;

/** Measure something else; what the new measure has no use for goes. */
export function setMeasure(leaf, measure, catalogue) {
  leaf.aggregate = measure;
  if (!OF_A_PROPERTY.includes(measure)) delete leaf.prop;
  else {
    const fields = catalogue.measurable(leaf.event, measure);
    const fits = leaf.prop && (!catalogue.field("prop", leaf.prop, leaf.event) || has(fields, leaf.prop));
    if (!fits) leaf.prop = fields[0]?.name ?? "";
  }
  if (!OF_NUMBERS.includes(measure) && typeof leaf.value === "number") {
    leaf.value = Math.min(Math.max(Math.round(leaf.value), 0), MOST);
  }
}

function has(fields, name) {
  return fields.some((field) => field.name === name);
}
