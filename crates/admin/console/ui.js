// What all pages are made of.
import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { useCell } from "./cell.js";
import { ago, moment, tick } from "./format.js";
import { amend, here } from "./router.js";
import { t } from "./words.js";

const LOOKS = {
  good: ["UP", "CLOSED", "current", "ok", "connected", "live", "acked", "same", "healed", "reachable", "enabled", "ON"],
  warn: ["OUT_OF_SERVICE", "STARTING", "HALF_OPEN", "FORCED_OPEN", "DISABLED", "METRICS_ONLY", "behind", "stale", "warn", "pinned", "disabled", "waiting", "changed"],
  bad: ["DOWN", "OPEN", "refused", "rejected", "silent", "failed", "missing", "ejected", "differs", "error", "unreachable", "UNREACHABLE"],
};
const GLYPHS = { good: "●", warn: "▲", bad: "✕", idle: "○" };

export const look = (status) => Object.keys(LOOKS).find((kind) => LOOKS[kind].includes(status)) ?? "idle";

/** A state: a sign, a word and a colour, in this order of importance. */
export function State({ status, kind = look(status), text = status, title }) {
  return html`<span class=${`state ${kind}`} title=${title}><span class="sign" aria-hidden="true">${GLYPHS[kind]}</span>${text}</span>`;
}

/** "12 s ago", counting. */
export function Ago({ at }) {
  useCell(tick);
  return at ? html`<time title=${moment(at)} datetime=${new Date(at).toISOString()}>${ago(at)}</time>` : html`<span class="soft">–</span>`;
}

export const Moment = ({ at }) => (at ? html`<time class="num" datetime=${new Date(at).toISOString()}>${moment(at)}</time>` : "–");

export function Page({ title, sub, state, acts, same, children }) {
  return html`<${Head} ...${{ title, sub, state, acts }} />${children}<${Same} command=${same} />`;
}

function Head({ title, sub, state, acts }) {
  useEffect(() => { document.title = `${title} · Wellspring`; }, [title]);
  return html`<div class="head"><div><h1>${title}${state ? html` ${state}` : null}</h1>${sub ? html`<p class="sub">${sub}</p>` : null}</div>
    ${acts ? html`<div class="acts">${acts}</div>` : null}</div>`;
}

/** The command that answers or does the same. */
function Same({ command }) {
  return html`<footer class="same"><span>${t("same")}</span> <code>${command}</code> <${Copy} text=${command} /></footer>`;
}

export function Copy({ text }) {
  const [done, set] = useState(false);
  const copy = async () => {
    try { await navigator.clipboard.writeText(text); } catch { return; }
    set(true);
    setTimeout(() => set(false), 1500);
  };
  return html`<button type="button" class="quiet small" onClick=${copy} aria-label=${t("copy.what", { what: text })}>${done ? t("copy.done") : t("copy")}</button>`;
}

export function Card({ title, id, acts, children, class: more = "" }) {
  return html`<section class=${`card ${more}`} aria-labelledby=${id} aria-label=${id ? undefined : title}>
    ${title ? html`<header><h2 id=${id}>${title}</h2>${acts ? html`<div class="acts">${acts}</div>` : null}</header>` : null}${children}</section>`;
}

/** A figure with its meaning. */
export function Figure({ label, value, note, kind, href, spark }) {
  const body = html`<span class="label">${label}</span><span class=${`value ${kind ?? ""}`}>${value}</span>${spark ?? null}${note ? html`<span class="note">${note}</span>` : null}`;
  return href ? html`<a class="figure" href=${href}>${body}</a>` : html`<div class="figure">${body}</div>`;
}

/** A line of numbers, newest right. Decoration: the figure beside it says the same. */
export function Spark({ values, width = 96, height = 22 }) {
  if (!values || values.length < 2) return null;
  const top = Math.max(...values, 1e-9);
  const step = width / (values.length - 1);
  const points = values.map((value, at) => `${(at * step).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`).join(" ");
  return html`<svg class="spark" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} aria-hidden="true"><polygon points=${`0,${height} ${points} ${width},${height}`} /><polyline points=${points} /></svg>`;
}

/** Name and value pairs; empty values are left out. */
export function Facts({ items }) {
  return html`<dl class="facts">${items.filter(([, value]) => value !== undefined && value !== null && value !== "").map(
    ([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A table that may be wider than the screen. `columns`: `[title, class]`. */
export function Table({ label, columns, rows, empty }) {
  if (!rows.length) return html`<p class="empty">${empty ?? t("nothing")}</p>`;
  return html`<div class="scroll" role="group" aria-label=${label} tabindex="0"><table><caption class="away">${label}</caption>
    <thead><tr>${columns.map(([title, kind]) => html`<th scope="col" class=${kind ?? ""} key=${title}>${title}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Text that filters: kept in the address. */
export function Filter({ name = "q", label, placeholder }) {
  const { query } = useCell(here);
  return html`<label class="filter"><span class="away">${label}</span><input type="search" value=${query.get(name) ?? ""} placeholder=${placeholder ?? label} data-filter
    onInput=${(event) => amend({ [name]: event.currentTarget.value })} /></label>`;
}

/** One of several, kept in the address. `options`: `[value, text]`; the first is what stands without. */
export function Choice({ name, label, options }) {
  const { query } = useCell(here);
  const chosen = query.get(name) ?? options[0]?.[0];
  return html`<div class="choice" role="group" aria-label=${label}>${options.map(([value, text]) => html`<button type="button" key=${value}
    aria-pressed=${String(value === chosen)} onClick=${() => amend({ [name]: value === options[0][0] ? "" : value })}>${text}</button>`)}</div>`;
}

export function Failure({ error, what }) {
  if (!error) return null;
  return html`<div class="red bad" role="alert"><h2><${State} status="failed" text=${what ?? t("failed")} /></h2><p>${error.message}</p>
    <dl class="facts">${error.hint ? html`<div><dt>${t("red.todo")}</dt><dd>${error.hint}</dd></div>` : null}
    ${error.where ? html`<div><dt>${t("red.where")}</dt><dd><code>${error.where}</code></dd></div>` : null}
    ${error.code?.startsWith("WS-") ? html`<div><dt>${t("red.command")}</dt><dd><code>wellspring explain ${error.code}</code> <${Copy} text=${`wellspring explain ${error.code}`} /></dd></div>` : null}</dl></div>`;
}

/** What is shown until there is data, when there is none, or when a daemon of this kind is not there. */
export function Loaded({ from, need, children }) {
  if (from.data === undefined || from.data === null) {
    if (!from.error) return html`<p class="empty" role="status">${t("loading")}</p>`;
    if (from.error.status === 404 && need) return html`<div class="absent"><p><${State} status="UNKNOWN" text=${t("absent", { daemon: need })} /></p><p>${t("absent.todo", { daemon: need })}</p><code>wellspring ${need}</code></div>`;
    return html`<${Failure} error=${from.error} />`;
  }
  return html`${from.error ? html`<${Failure} error=${from.error} what=${t("stale")} />` : null}${children(from.data)}`;
}

/** Something that is not as it should be: what it means, since when, who is affected, what to do, and the command. */
export function Red({ level = "bad", heading = "h2", title, what, means, since, affects, todo, command, page, link }) {
  return html`<article class=${`red ${level}`}><${heading}><${State} status=${level} kind=${level} text=${title} /><//>${what ? html`<p class="what">${what}</p>` : null}
    <dl class="facts"><div><dt>${t("red.means")}</dt><dd>${means}</dd></div>
      <div><dt>${t("red.since")}</dt><dd>${since ? html`<${Moment} at=${since} /> (<${Ago} at=${since} />)` : t("unknown")}</dd></div>
      <div><dt>${t("red.affects")}</dt><dd>${affects}</dd></div><div><dt>${t("red.todo")}</dt><dd>${todo}${page ? html` <a href=${page}>${link ?? t("red.open")}</a>` : null}</dd></div>
      <div><dt>${t("red.command")}</dt><dd><code>${command}</code> <${Copy} text=${command} /></dd></div></dl></article>`;
}

/** Calls `told` with the element's box when the window scrolls or changes its size, once a frame at most. */
export function useWindow(told) {
  const ref = useRef(null);
  const latest = useRef(told);
  latest.current = told;
  useEffect(() => {
    let waiting = 0;
    const look = () => {
      waiting ||= requestAnimationFrame(() => { waiting = 0; if (ref.current) latest.current(ref.current.getBoundingClientRect()); });
    };
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    look();
    return () => { removeEventListener("scroll", look); removeEventListener("resize", look); cancelAnimationFrame(waiting); };
  }, []);
  return ref;
}

const remembered = new Map();
/** The last values of a figure while this tab is open: the API has the present only. */
export function remember(key, value) {
  const values = remembered.get(key) ?? [];
  if (typeof value === "number") {
    const last = values.at(-1);
    if (!last || performance.now() - last[0] > 900) values.push([performance.now(), value]);
    if (values.length > 48) values.shift();
    remembered.set(key, values);
  }
  return values.map(([, one]) => one);
}
