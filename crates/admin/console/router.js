// Addresses: `#/services/orders?q=down`. Filters are part of the address, so that every view can be sent to somebody.
import { cell } from "./cell.js";

function parse() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return { path: parts, query: new URLSearchParams(query) };
}

export const here = cell(parse());
addEventListener("hashchange", () => { here.value = parse(); });

/** @param {string[]} path @param {Record<string, unknown>} [query] empty values are left out */
export function to(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return "#/" + path.map(encodeURIComponent).join("/") + (text ? "?" + text : "");
}

export function go(address) { location.hash = address; }

/** Changes filters of the page that is open, without a step in the history. */
export function amend(changes) {
  const { path, query } = here.value;
  const all = { ...Object.fromEntries(query), ...changes };
  history.replaceState(null, "", to(path, all));
  here.value = parse();
}
