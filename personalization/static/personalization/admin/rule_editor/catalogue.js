// What rules may speak of, as the server lists it.

const FREE_OPERATORS = ["=", "!=", "is set", "is not set"];

/** Wrap the server's catalogue with the look-ups the editor needs. */
export function createCatalogue(data) {
  const events = new Map(data.events.map((event) => [event.name, event]));
  const traits = byName(data.traits);
  const features = byName(data.features);
  const context = byName(data.context);
  const everyProperty = byName(data.events.flatMap((event) => event.properties));

  return {
    ...data,

    /** Names of every property of every event, for suggestions. */
    propertyNames: [...everyProperty.keys()].sort(),

    event: (name) => events.get(name),

    /** The fields a line of this kind may choose from. */
    fields(kind, event) {
      if (kind === "trait") return data.traits;
      if (kind === "feature") return data.features;
      if (kind === "context") return data.context;
      if (event === "*") return [...everyProperty.values()];
      return events.get(event)?.properties ?? [];
    },

    /** The properties of an event that can be measured so: numbers for all but “distinct”. */
    measurable(event, measure) {
      const fields = this.fields("prop", event);
      return measure === "distinct" ? fields : fields.filter((field) => field.type === "number");
    },

    /** The known field of a line, or undefined for one that somebody made up. */
    field(kind, name, event) {
      if (kind === "trait") return traits.get(name);
      if (kind === "feature") return features.get(name);
      if (kind === "context") return context.get(name);
      return this.fields(kind, event).find((field) => field.name === name);
    },

    /** The operators for a type of field, as {value, label}. */
    operatorsFor: (type) => data.operators[type] ?? data.operators.text,

    /** Whether a type offers an operator. */
    allows(type, operator) {
      return (
        (type !== "encrypted" && FREE_OPERATORS.includes(operator)) ||
        this.operatorsFor(type).some((offered) => offered.value === operator)
      );
    },
  };
}

function byName(fields) {
  return new Map(fields.map((field) => [field.name, field]));
}
