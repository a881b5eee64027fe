// A table of any length: only the rows that can be seen are in the page. It scrolls with the page, so that the wheel, the
// keys and a screen reader's own movements work as everywhere.
import { html, useEffect, useState } from "./vendor/preact.js";
import { useWindow } from "./ui.js";
import { t } from "./words.js";

const SPARE = 8;
/** Shorter lists are simply there. */
const SHORT = 120;

/** `columns`: `[title, class]`; `row(item)` gives cells; all rows are `height` high. */
export function Rows({ label, columns, items, row, id, height = 34, empty }) {
  const long = items.length > SHORT;
  const [[from, until], see] = useState([0, 60]);
  const ref = useWindow((box) => {
    if (!long) return;
    const first = Math.max(0, Math.floor(-box.top / height) - SPARE);
    const last = Math.ceil((innerHeight - box.top) / height) + SPARE;
    // Whole steps, so that not every line scrolled draws the table anew.
    see(([a, b]) => {
      const next = [first - (first % SPARE), last + SPARE - (last % SPARE)];
      return next[0] === a && next[1] === b ? [a, b] : next;
    });
  });
  useEffect(() => { dispatchEvent(new Event("resize")); }, [items.length]);
  if (!items.length) return html`<p class="empty">${empty ?? t("nothing")}</p>`;
  const [start, end] = long ? [Math.min(from, Math.max(0, items.length - 20)), Math.min(items.length, until)] : [0, items.length];
  const gap = (rows) => (rows > 0 ? html`<tr class="gap" aria-hidden="true"><td colspan=${columns.length} style=${`height:${rows * height}px`}></td></tr>` : null);
  return html`<div class="scroll" role="group" aria-label=${label} tabindex="0"><table class=${long ? "fixed" : ""} aria-rowcount=${items.length + 1}><caption class="away">${label}</caption>
    <thead><tr aria-rowindex="1">${columns.map(([title, kind]) => html`<th scope="col" class=${kind ?? ""} key=${title}>${title}</th>`)}</tr></thead>
    <tbody ref=${ref}>${gap(start)}${items.slice(start, end).map((item, at) => html`<tr key=${id(item)} aria-rowindex=${start + at + 2} class="row">${row(item)}</tr>`)}${gap(items.length - end)}</tbody></table></div>`;
}
