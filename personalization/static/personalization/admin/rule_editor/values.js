// Suggestions for values: the most frequent ones that visitors really have.

import { AskError, ask } from "./ask.js";
import { el } from "./dom.js";

const SUGGESTED = ["trait", "prop", "context"];

/** Make what suggests values; without an address there are none. `keyOf` names a line. */
export function createValues(address, keyOf) {
  const known = new Map(); // query → the values, as {value, words}

  async function find(query) {
    if (known.has(query)) return;
    known.set(query, []);
    try {
      known.set(query, (await ask(`${address}?${query}`)).values);
    } catch (error) {
      if (!(error instanceof AskError)) throw error;
      known.delete(query); // they are a help, not needed: the next focus asks again
    }
  }

  /** Return the list for `input`; it is filled when the input gets the focus. */
  function suggest(input, { leaf, event }) {
    if (!address || !SUGGESTED.includes(leaf.kind)) return null;
    const query = () => {
      const about = { kind: leaf.kind, field: leaf.field };
      return String(new URLSearchParams(event === undefined ? about : { ...about, event }));
    };
    const list = el("datalist", { id: `${keyOf(leaf)}-values` }, ...options(known.get(query())));
    input.setAttribute("list", list.id);
    input.addEventListener("focus", async () => {
      if (!leaf.field) return;
      await find(query());
      // Not `list`: the line may have been drawn anew meanwhile.
      document.getElementById(list.id)?.replaceChildren(...options(known.get(query())));
    });
    return list;
  }

  return { suggest };
}

function options(values = []) {
  return values.map(({ value, words }) => el("option", { value: String(value) }, words));
}
