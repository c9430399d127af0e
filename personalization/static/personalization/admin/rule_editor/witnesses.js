// Made-up visitors: somebody who enters the rule, and how they leave it again.

import { el } from "./dom.js";
import { createPanel } from "./panel.js";

export function createWitnesses(addresses, request) {
  return createPanel({
    name: "witnesses",
    title: "Made-up visitors",
    verb: "Make one",
    address: addresses.witnesses,
    request,
    draw,
    eager: true,
  });
}

function draw({ parts, reason }) {
  return [
    ...parts.map(({ mark, title, steps }) =>
      el(
        "section",
        { class: "pz-witness" },
        el(
          "h4",
          {},
          el("span", { class: `pz-mark pz-mark-${mark === "in" ? "yes" : "no"}` }, mark),
          " ",
          title,
        ),
        el("ol", {}, ...steps.map((step) => el("li", {}, step))),
      ),
    ),
    ...(reason ? [el("p", { class: "pz-quiet" }, reason)] : []),
  ];
}
