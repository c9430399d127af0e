// One line of a rule as a sentence of small controls.

import { el, option, optionGroup } from "./dom.js";
import { coerced, emptyValue, newEvent, setOperator, typeOfValue } from "./rule.js";
import { countPart, windowPart } from "./eventView.js";
import { valuePart } from "./valueView.js";

/** Make the controls of a line. `place` has the leaf, its pointer and, in `where`, the event. */
export function lineView(ui, place) {
  const parts = { event, trait: field, feature: field, prop: field, segment, consent };
  return [
    place.leaf.kind === "prop" ? propertySelect(ui, place) : subjectSelect(ui, place),
    ...parts[place.leaf.kind](ui, place),
  ];
}

// -- what a line is about -----------------------------------------------------------------

function subjectSelect(ui, place) {
  const { catalogue } = ui;
  const chosen = subjectOf(place.leaf, catalogue);
  const choices = (fields, kind) =>
    fields.map((known) => option(`${kind}:${known.name}`, known.label, chosen));
  const select = el(
    "select",
    { onchange: () => changeSubject(ui, place, select.value) },
    optionGroup("What they did", [
      ...catalogue.events.map((known) => option(`event:${known.name}`, known.phrase, chosen)),
      option("event:", "did something else…", chosen),
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
  );
  return ui.control(select, place, "subject", "What the condition is about", ["kind"]);
}

function subjectOf(leaf, catalogue) {
  if (leaf.kind === "event") return catalogue.event(leaf.event) ? `event:${leaf.event}` : "event:";
  if (leaf.kind === "segment" || leaf.kind === "consent") return leaf.kind;
  return catalogue.field(leaf.kind, leaf.field) ? `${leaf.kind}:${leaf.field}` : `${leaf.kind}:`;
}

/** Make a line be about something else. What it was is kept, in case that is chosen again. */
function changeSubject(ui, { leaf }, subject) {
  const [kind, ...rest] = subject.split(":");
  const name = rest.join(":");
  const drafts = ui.draftsOf(leaf);
  drafts[leaf.kind] = { ...leaf };
  const draft = drafts[kind];
  if (draft && kind === "event") become(leaf, { ...draft, event: name });
  else if (draft && (draft.field ?? "") === name) become(leaf, draft);
  else become(leaf, fresh(ui, kind, name));
  ui.redraw();
}

function become(leaf, fields) {
  for (const key of Object.keys(leaf)) if (key !== "id") delete leaf[key];
  Object.assign(leaf, fields);
}

function fresh(ui, kind, name) {
  if (kind === "event") return newEvent(name);
  if (kind === "segment") return { kind, slug: ui.segments()[0]?.slug ?? "" };
  if (kind === "consent") return { kind, purpose: ui.catalogue.purposes.at(-1)?.value ?? "" };
  const type = ui.catalogue.field(kind, name)?.type ?? "text";
  const operator = type === "number" ? ">=" : "=";
  return { kind, field: name, operator, value: emptyValue(type) };
}

function propertySelect(ui, place) {
  const { leaf, event: eventName } = place;
  const fields = ui.catalogue.fields("prop", eventName);
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
  const { leaf } = place;
  const named = ui.catalogue.event(leaf.event) ? null : nameInput(ui, place, "event");
  return [named, ...countPart(ui, place), ...windowPart(ui, place)];
}

function field(ui, place) {
  const { leaf } = place;
  const known = ui.catalogue.field(leaf.kind, leaf.field, place.event);
  const type = known?.type ?? typeOfValue(leaf.value);
  const named = known ? [] : [nameInput(ui, place, "field"), typeSelect(ui, place, type)];
  const unit = known?.unit ? el("span", {}, known.unit) : null;
  return [...named, operatorSelect(ui, place, type), ...valuePart(ui, place, type), unit];
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

function nameInput(ui, place, key) {
  const { leaf } = place;
  const label = { event: "Name of the event", prop: "Name of the property" }[leaf.kind];
  const input = el("input", {
    type: "text",
    value: leaf[key],
    list: { event: ui.lists.events, prop: ui.lists.properties }[leaf.kind],
    placeholder: leaf.kind === "event" ? "Event name" : "name",
    oninput: () => ui.set(leaf, key, input.value),
    // A name the catalogue knows gets its own words, and its type. Any other leaves the
    // line as it is: drawing it anew would swallow the click that ended the typing.
    onchange: () => {
      const known = leaf.kind === "event"
        ? ui.catalogue.event(leaf.event)
        : ui.catalogue.field(leaf.kind, leaf.field, place.event);
      if (!known) return;
      if (leaf.kind !== "event") adapt(ui, place);
      ui.redraw(`${ui.keyOf(leaf)}:subject`);
    },
  });
  return ui.control(input, place, "name", label ?? "Name of the trait", [key]);
}

/** Give operator and value the type of a field just chosen, as far as they do not have it. */
function adapt(ui, { leaf, event: eventName }) {
  const type = ui.catalogue.field(leaf.kind, leaf.field, eventName)?.type;
  if (!type) return;
  const wrong = typeOfValue(leaf.value) !== type;
  if (!ui.catalogue.allows(type, leaf.operator)) setOperator(leaf, "=", type);
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
