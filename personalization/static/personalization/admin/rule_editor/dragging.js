// Dragging a line by its handle, with mouse, pen or finger.

import { el } from "./dom.js";

const START = 5; // pixels that a pointer moves before it drags
const EDGE = 60; // pixels from the edge of the window where it scrolls
const SCROLL = 12;

/**
 * Let `handle` drag `row`. It can be dropped into every list with the same `data-realm`
 * for which `mayDrop(list)` is true; `drop(list, index)` is called with the place, `index`
 * counted without the row itself.
 */
export function makeDraggable(handle, row, { realm, mayDrop, drop }) {
  handle.addEventListener("pointerdown", (down) => {
    if (down.button !== 0) return;
    const drag = { row, realm, mayDrop, y: down.clientY, started: false, place: null };
    const marker = el("li", { class: "pz-drop", "aria-hidden": "true" });
    const stop = new AbortController();
    const listen = (name, listener) =>
      window.addEventListener(name, listener, { signal: stop.signal });
    const end = () => {
      stop.abort();
      marker.remove();
      row.classList.remove("pz-dragged");
    };
    handle.setPointerCapture(down.pointerId);
    listen("pointermove", (move) => {
      if (move.pointerId === down.pointerId) follow(drag, marker, move);
    });
    listen("pointerup", () => {
      end();
      if (drag.place) drop(drag.place.list, drag.place.index);
    });
    listen("pointercancel", end);
    listen("keydown", (event) => {
      if (event.key === "Escape") end();
    });
  });
}

function follow(drag, marker, { clientX, clientY }) {
  if (!drag.started && Math.abs(clientY - drag.y) < START) return;
  drag.started = true;
  drag.row.classList.add("pz-dragged");
  if (clientY < EDGE) window.scrollBy(0, -SCROLL);
  if (clientY > window.innerHeight - EDGE) window.scrollBy(0, SCROLL);
  const list = listAt(drag, clientX, clientY);
  if (!list) return;
  const rows = [...list.children].filter((item) => item !== marker && item !== drag.row);
  const before = rows.findIndex((item) => {
    const { top, height } = item.getBoundingClientRect();
    return clientY < top + height / 2;
  });
  drag.place = { list, index: before < 0 ? rows.length : before };
  if (before < 0) list.append(marker);
  else rows[before].before(marker);
}

/** Return the innermost list under the pointer that takes the row; the last one stays. */
function listAt({ row, realm, mayDrop }, x, y) {
  for (const element of document.elementsFromPoint(x, y)) {
    let list = element.closest(`[data-realm="${CSS.escape(realm)}"]`);
    while (list && (row.contains(list) || !mayDrop(list))) {
      list = list.parentElement.closest(`[data-realm="${CSS.escape(realm)}"]`);
    }
    if (list) return list;
  }
  return null;
}
