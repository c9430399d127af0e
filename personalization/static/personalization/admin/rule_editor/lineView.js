// One line of a rule as a sentence of small controls.

import { context } from "./contextView.js";
import { el, option, optionGroup } from "./dom.js";
import { eventName, eventOptions, measurePart } from "./eventView.js";
import { recency, regularity } from "./recencyView.js";
import {
  coerced, emptyValue, newEvent, newRecency, newRegularity, setOperator, typeOfValue,
} from "./rule.js";
import { newSequence } from "./steps.js";
import { valuePart } from "./valueView.js";
import { windowPart } from "./windowView.js";

const PARTS = {
  event, trait: field, feature: field, prop: field, segment, consent, context, recency, regularity,
  sequence: () => [],
};

/** Make the controls of a line. `place` has the leaf, its pointer and, in `where`, the event. */
export function lineView(ui, place) {
  return [
    place.leaf.kind === "prop" ? propertySelect(ui, place) : subjectSelect(ui, place),
    ...PARTS[place.leaf.kind](ui, place),
  ];
}

// -- what a line is about -----------------------------------------------------------------

function subjectSelect(ui, place) {
  const { catalogue } = ui;
  const chosen = subjectOf(place.leaf, catalogue);
  const did = place.leaf.kind === "event" ? place.leaf.event : null;
  const choices = (fields, kind) =>
    fields.map((known) => option(`${kind}:${known.name}`, known.label, chosen));
  const select = el(
    "select",
    { onchange: () => changeSubject(ui, place, select.value) },
    optionGroup("What they did", eventOptions(ui, did, "event:")),
    optionGroup("When, how often, in which order", [
      option("recency:last", "the last time they", chosen),
      option("recency:first", "the first time they", chosen),
      option("regularity", "regularly", chosen),
      option("sequence", "did in this order", chosen),
    ]),
    optionGroup("What was counted", choices(catalogue.features, "feature")),
    optionGroup("What was stated", [
      ...choices(catalogue.traits, "trait"),
      option("trait:", "something else stated…", chosen),
    ]),
    optionGroup("Where they belong", [
      option("segment", "is in the segment", chosen),
      option("consent", "agreed to", chosen),
    ]),
    optionGroup("At this very moment", choices(catalogue.context, "context")),
  );
  return ui.control(select, place, "subject", "What the condition is about", ["kind"]);
}

function subjectOf(leaf, catalogue) {
  if (leaf.kind === "recency") return `recency:${leaf.which ?? "last"}`;
  if (leaf.kind === "context") return `context:${leaf.field}`;
  if (!["trait", "feature"].includes(leaf.kind)) return leaf.kind;
  return catalogue.field(leaf.kind, leaf.field) ? `${leaf.kind}:${leaf.field}` : `${leaf.kind}:`;
}

/** Make a line be about something else. What it was is kept, in case that is chosen again. */
function changeSubject(ui, { leaf }, subject) {
  const [kind, ...rest] = subject.split(":");
  const name = rest.join(":");
  const drafts = ui.draftsOf(leaf);
  drafts[leaf.kind] = { ...leaf };
  const draft = drafts[kind];
  const named = { event: "event", recency: "which" }[kind];
  if (draft && named) become(leaf, { ...draft, [named]: name });
  else if (draft && (draft.field ?? "") === name) become(leaf, draft);
  else become(leaf, fresh(ui, leaf, kind, name));
  ui.redraw();
}

function become(leaf, fields) {
  for (const key of Object.keys(leaf)) if (key !== "id") delete leaf[key];
  Object.assign(leaf, fields);
}

function fresh(ui, leaf, kind, name) {
  const event = leaf.event ?? leaf.steps?.[0].event ?? ui.newCondition().event;
  if (kind === "event") return newEvent(name);
  if (kind === "recency") return newRecency(event, name);
  if (kind === "regularity") return newRegularity(event);
  if (kind === "sequence") return newSequence(event, ui.eventAfter(event));
  if (kind === "segment") return { kind, slug: ui.segments()[0]?.slug ?? "" };
  if (kind === "consent") return { kind, purpose: ui.catalogue.purposes.at(-1)?.value ?? "" };
  return freshField(ui, kind, name);
}

function freshField(ui, kind, name) {
  const known = ui.catalogue.field(kind, name);
  const type = known?.type ?? "text";
  if (kind === "context" && type === "number") {
    return { kind, field: name, operator: "between", value: [18, 23] };
  }
  if (type === "encrypted") return { kind, field: name, operator: "is set" };
  const operator = type === "number" ? ">=" : "=";
  return { kind, field: name, operator, value: known?.values?.[0].value ?? emptyValue(type) };
}

function propertySelect(ui, place) {
  const { leaf, event: eventOfProp } = place;
  const fields = ui.catalogue.fields("prop", eventOfProp);
  const chosen = fields.some((known) => known.name === leaf.field) ? leaf.field : "";
  const select = el(
    "select",
    {
      onchange: () => {
        leaf.field = select.value;
        adapt(ui, place);
        ui.redraw();
      },
    },
    ...fields.map((known) => option(known.name, known.label, chosen)),
    option("", "another property…", chosen),
  );
  return ui.control(select, place, "subject", "Property", ["kind"]);
}

// -- the kinds ------------------------------------------------------------------------------

function event(ui, place) {
  return [eventName(ui, place), ...measurePart(ui, place), ...windowPart(ui, place)];
}

function field(ui, place) {
  const { leaf } = place;
  const known = ui.catalogue.field(leaf.kind, leaf.field, place.event);
  const type = known?.type ?? typeOfValue(leaf.value);
  const named = known ? [] : [fieldName(ui, place), typeSelect(ui, place, type)];
  const unit = known?.unit ? el("span", {}, known.unit) : null;
  const value = valuePart(ui, place, type, { choices: known?.values });
  return [...named, operatorSelect(ui, place, type), ...value, unit];
}

function segment(ui, place) {
  const { leaf } = place;
  const offered = ui.segments();
  const missing = offered.some((known) => known.slug === leaf.slug)
    ? []
    : [option(leaf.slug, leaf.slug || "choose one", leaf.slug)];
  const select = el(
    "select",
    { onchange: () => ui.set(leaf, "slug", select.value) },
    ...missing,
    ...offered.map((known) => option(known.slug, known.name, leaf.slug)),
  );
  return [ui.control(select, place, "slug", "Segment", ["slug"])];
}

function consent(ui, place) {
  const { leaf } = place;
  const select = el(
    "select",
    { onchange: () => ui.set(leaf, "purpose", select.value) },
    ...ui.catalogue.purposes.map((known) =>
      option(known.value, known.label.toLowerCase(), leaf.purpose),
    ),
  );
  return [ui.control(select, place, "purpose", "Purpose", ["purpose"])];
}

// -- parts of several kinds -------------------------------------------------------------------

function fieldName(ui, place) {
  const { leaf } = place;
  const input = el("input", {
    type: "text",
    value: leaf.field,
    list: leaf.kind === "prop" ? ui.lists.properties : undefined,
    placeholder: "name",
    oninput: () => ui.set(leaf, "field", input.value),
    // A name the catalogue knows gets its own words, and its type. Any other leaves the
    // line as it is: drawing it anew would swallow the click that ended the typing.
    onchange: () => {
      if (!ui.catalogue.field(leaf.kind, leaf.field, place.event)) return;
      adapt(ui, place);
      ui.redraw(`${ui.keyOf(leaf)}:subject`);
    },
  });
  const label = leaf.kind === "prop" ? "Name of the property" : "Name of the trait";
  return ui.control(input, place, "name", label, ["field"]);
}

/** Give operator and value the type of a field just chosen, as far as they do not have it. */
function adapt(ui, { leaf, event: eventOfProp }) {
  const type = ui.catalogue.field(leaf.kind, leaf.field, eventOfProp)?.type;
  if (!type) return;
  const wrong = typeOfValue(leaf.value) !== type;
  if (!ui.catalogue.allows(type, leaf.operator)) {
    setOperator(leaf, ui.catalogue.operatorsFor(type)[0].value, type);
  }
  if (!wrong || leaf.value === undefined) return;
  leaf.value = Array.isArray(leaf.value) ? [] : coerced(leaf.value, type) ?? emptyValue(type);
}

function typeSelect(ui, place, type) {
  const { leaf } = place;
  if (leaf.value === undefined) return null;
  const select = el(
    "select",
    {
      onchange: () => {
        if (!ui.catalogue.allows(select.value, leaf.operator)) leaf.operator = "=";
        leaf.value = Array.isArray(leaf.value) ? [] : emptyValue(select.value);
        ui.redraw();
      },
    },
    option("text", "(text)", type),
    option("number", "(number)", type),
    option("boolean", "(yes or no)", type),
  );
  return ui.control(select, place, "type", "Type of the value", []);
}

function operatorSelect(ui, place, type) {
  const { leaf } = place;
  const offered = ui.catalogue.operatorsFor(type);
  const extra = offered.some((known) => known.value === leaf.operator)
    ? []
    : [option(leaf.operator, leaf.operator, leaf.operator)];
  const select = el(
    "select",
    {
      onchange: () => {
        setOperator(leaf, select.value, type);
        ui.redraw();
      },
    },
    ...extra,
    ...offered.map((known) => option(known.value, known.label, leaf.operator)),
  );
  return ui.control(select, place, "operator", "Comparison", ["operator"]);
}
