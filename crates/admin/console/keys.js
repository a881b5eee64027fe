// Keys: `/` search, `g` and a letter for a page, `f` the page's filter, `?` this list.
import { html, useEffect, useRef } from "./vendor/preact.js";
import { cell, useCell } from "./cell.js";
import { KEYS, address } from "./pages.js";
import { go } from "./router.js";
import { t } from "./words.js";

export const help = cell(false);
let going = 0;

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest?.("input, textarea, select, dialog[open]")) return;
  if (performance.now() - going < 1500 && KEYS[event.key]) {
    going = 0;
    event.preventDefault();
    go(address(KEYS[event.key]));
    return;
  }
  going = event.key === "g" ? performance.now() : 0;
  if (event.key === "/") focus(event, "#search");
  if (event.key === "f") focus(event, "[data-filter]");
  if (event.key === "?") { event.preventDefault(); help.value = true; }
}

function focus(event, what) {
  const found = document.querySelector(what);
  if (!found) return;
  event.preventDefault();
  found.focus();
  found.select?.();
}

export function Keys() {
  const open = useCell(help);
  useEffect(() => {
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  return open ? html`<${List} />` : null;
}

function List() {
  const ref = useRef(null);
  useEffect(() => { ref.current.showModal(); }, []);
  const lines = [["/", t("keys.search")], ["f", t("keys.filter")], ...Object.entries(KEYS).map(([key, page]) => [`g ${key}`, t(`page.${page}`)]), ["?", t("keys")], ["Esc", t("keys.close")]];
  return html`<dialog ref=${ref} aria-labelledby="keys-title" onClose=${() => { help.value = false; }}><h2 id="keys-title">${t("keys")}</h2>
    <dl class="keys">${lines.map(([key, meaning]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${meaning}</dd></div>`)}</dl>
    <div class="acts"><button type="button" class="main" onClick=${() => ref.current.close()}>${t("close")}</button></div></dialog>`;
}
