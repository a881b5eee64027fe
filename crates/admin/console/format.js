// Numbers, times and names as people read them.
import { cell } from "./cell.js";
import { t } from "./words.js";

/** Milliseconds that the server's clock is ahead of this one. */
let ahead = 0;
export function serverDate(text) {
  const off = Date.parse(text ?? "") - Date.now();
  // The header has whole seconds: smaller differences say nothing.
  if (Number.isFinite(off)) ahead = Math.abs(off) > 2000 ? off : 0;
}

export const now = () => Date.now() + ahead;

/** Ticks once a second while the page can be seen. */
export const tick = cell(0);
setInterval(() => { if (!document.hidden) tick.value += 1; }, 1000);

export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return t("time.s", { n: s });
  if (s < 3600) return s < 600 && s % 60 ? t("time.ms", { m: Math.floor(s / 60), s: s % 60 }) : t("time.m", { n: Math.floor(s / 60) });
  if (s < 86400) return t("time.hm", { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
  return t("time.d", { n: Math.floor(s / 86400) });
}

export const ago = (at) => (now() - at < 1500 ? t("time.now") : t("time.ago", { span: span(now() - at) }));

const two = (n) => String(n).padStart(2, "0");
export function clock(at) {
  const d = new Date(at);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}
export function day(at) {
  const d = new Date(at);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}
export const moment = (at) => (day(at) === day(now()) ? clock(at) : `${day(at)} ${clock(at)}`);

export const brief = (commit) => (commit ? String(commit).slice(0, 10) : "–");

export function count(n) {
  if (n === undefined || n === null) return "–";
  return n < 10000 ? String(n) : n < 1e6 ? `${(n / 1000).toFixed(n < 1e5 ? 1 : 0)}k` : `${(n / 1e6).toFixed(1)}M`;
}
export const rate = (n) => (n === undefined || n === null ? "–" : n === 0 ? "0" : n < 10 ? n.toFixed(1) : count(Math.round(n)));
export const percent = (n) => (n === undefined || n === null || n < 0 ? "–" : `${n === 0 ? 0 : n < 10 ? n.toFixed(1) : Math.round(n)} %`);
export const millis = (n) => (n === undefined || n === null ? "–" : n < 10 ? `${n.toFixed(1)} ms` : n < 10000 ? `${Math.round(n)} ms` : span(n));
export function bytes(n) {
  if (n === undefined || n === null) return "–";
  return n < 1024 ? `${n} B` : n < 1 << 20 ? `${(n / 1024).toFixed(0)} KiB` : `${(n / (1 << 20)).toFixed(1)} MiB`;
}
export const share = (part, whole) => (whole ? (100 * part) / whole : 0);

/** A word as a shell wants it. */
export const word = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${String(text).replaceAll("'", `'\\''`)}'`);
export const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
/** A condition without what is always so. */
export const condition = (text) => text.replace(/, match trailing slash: true$/, "");
