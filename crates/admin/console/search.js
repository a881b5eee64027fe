// One search for services, instances, routes, keys and events; pages by name besides.
import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { get, path } from "./api.js";
import { GROUPS, address } from "./pages.js";
import { go } from "./router.js";
import { t } from "./words.js";

const pages = (wanted) => GROUPS.flatMap(([, names]) => names).map((name) => ({ kind: "page", name: t(`page.${name}`), url: address(name) }))
  .filter((page) => page.name.toLowerCase().includes(wanted.toLowerCase()));

export function Search() {
  const [text, write] = useState("");
  const [found, set] = useState([]);
  const [at, move] = useState(0);
  const [open, show] = useState(false);
  const input = useRef(null);
  useEffect(() => {
    const wanted = text.trim();
    if (!wanted) { set([]); return undefined; }
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      const named = pages(wanted);
      try {
        const { items } = await get(path("/search", {}, { q: wanted, limit: 20 }), stop.signal);
        set([...named, ...items].slice(0, 24));
      } catch (error) { if (error.name !== "AbortError") set(named); }
      move(0);
    }, 120);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [text]);
  const choose = (one) => { if (!one) return; show(false); write(""); input.current.blur(); go(one.url.replace(/^\/(?=#)/, "")); };
  const pressed = (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); move((at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % (found.length || 1)); }
    if (event.key === "Enter") { event.preventDefault(); choose(found[at]); }
    if (event.key === "Escape") { show(false); input.current.blur(); }
  };
  const list = open && found.length > 0;
  return html`<div class="search"><input id="search" ref=${input} type="text" role="combobox" aria-label=${t("search")} aria-expanded=${String(list)} aria-controls=${list ? "found" : undefined} aria-autocomplete="list" autocomplete="off"
      aria-activedescendant=${list ? `found-${at}` : undefined} placeholder=${t("search.hint")} value=${text} onInput=${(e) => { write(e.currentTarget.value); show(true); }} onFocus=${() => show(true)} onBlur=${() => setTimeout(() => show(false), 150)} onKeyDown=${pressed} />
    ${list ? html`<ul id="found" role="listbox" aria-label=${t("search")}>${found.map((one, n) => html`<li key=${one.kind + one.url + one.name} id=${`found-${n}`} role="option" aria-selected=${String(n === at)} onMouseDown=${(e) => { e.preventDefault(); choose(one); }}>
      <span class="kind">${t(`kind.${one.kind}`)}</span><span class="name">${one.name}</span>${one.text ? html`<span class="soft">${one.text}</span>` : null}</li>`)}</ul>` : null}</div>`;
}
