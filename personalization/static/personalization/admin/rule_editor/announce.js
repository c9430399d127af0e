// What happened to the lines, said to those who do not see it.

import { el } from "./dom.js";

const region = el("p", { class: "pz-announce", role: "status", "aria-live": "polite" });

/** Put the place for announcements into the page, once. */
export function placeAnnouncements(box) {
  if (!region.isConnected) box.append(region);
}

/** Say `text`; the same text twice in a row is said twice. */
export function announce(text) {
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}
