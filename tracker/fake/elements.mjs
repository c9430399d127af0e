// Elements with attributes and a parent.
const dashed = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const matchesOne = (attributes, selector) => {
  if (selector.startsWith('.')) return (attributes.class ?? '').split(' ').includes(selector.slice(1));
  const [, tag, attribute] = /^(\w*)\[([\w-]+)\]$/.exec(selector);
  return (!tag || attributes.tag === tag) && attribute in attributes;
};

/** An element; `more` are its properties, such as `parent` or `href`. */
export const element = (tag, attributes = {}, more = {}) => {
  const own = { tag, ...attributes };
  const made = {
    tagName: tag.toUpperCase(),
    parent: null,
    getAttribute: (name) => own[name] ?? null,
    matches: (selector) =>
      selector.split(',').some((each) => matchesOne(own, each.trim())),
    closest: (selector) => {
      for (let one = made; one; one = one.parent) if (one.matches(selector)) return one;
      return null;
    },
    dataset: new Proxy(own, {
      get: (_, name) => own[`data-${dashed(name)}`],
      deleteProperty: (_, name) => delete own[`data-${dashed(name)}`],
    }),
    ...more,
  };
  if (attributes.href !== undefined && /^\w+:/.test(attributes.href)) {
    const { host, origin, pathname, protocol, href } = new URL(attributes.href);
    Object.assign(made, { host, origin, pathname, protocol, href });
  }
  return made;
};

