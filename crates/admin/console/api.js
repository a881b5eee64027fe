// The admin API: requests, the session, data that follows the live stream.
import { useEffect, useState } from "./vendor/preact.js";
import { cell } from "./cell.js";
import { serverDate } from "./format.js";
import { live } from "./live.js";

const BASE = "api/v1";

/** What the API answers when it does not answer. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.message || `HTTP ${status}`);
    this.status = status;
    this.code = body?.code;
    this.where = body?.where;
    this.hint = body?.hint;
    this.docs = body?.docs;
  }
}

/** @param {string} method @param {string} path below /api/v1 @param {unknown} [body] @param {AbortSignal} [signal] */
export async function call(method, path, body, signal) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Wellspring"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(BASE + path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { message: "the admin listener does not answer", code: "offline" });
  }
  serverDate(answer.headers.get("date"));
  const text = await answer.text();
  let parsed = null;
  try { parsed = text ? JSON.parse(text) : null; } catch { parsed = answer.ok ? text : { message: text }; }
  if (answer.ok) return parsed;
  if (answer.status === 401) session.lost();
  throw new Refused(answer.status, parsed);
}

export const get = (path, signal) => call("GET", path, undefined, signal);

/** `/a/{b}` with `b` put in, and a query. */
export function path(template, at = {}, query = {}) {
  const filled = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(at[name] ?? ""));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  return search.size ? `${filled}?${search}` : filled;
}

/** All pages of a list. */
export async function all(list, signal) {
  const items = [];
  let next = "";
  do {
    const page = await get(`${list}${list.includes("?") ? "&" : "?"}limit=1000${next ? `&cursor=${encodeURIComponent(next)}` : ""}`, signal);
    items.push(...page.items);
    next = page.next;
  } while (next);
  return { items };
}

const RANK = { viewer: 0, operator: 1, admin: 2 };

/** Who sits here. `value`: `{actor, role, applications, open, login}`, or null when nobody is let in yet. */
export const session = Object.assign(cell(/** @type {any} */ (null)), {
  async begin() {
    try {
      const found = await get("/session");
      session.value = found.open || found.actor ? found : null;
    } catch (refused) {
      // 401 and 403 mean a login; without this resource everybody who gets here is let in.
      session.value = refused.status === 404 ? { actor: "local", role: "admin", applications: ["*"], open: true } : refused.status === 0 ? { actor: "", role: "viewer", open: true } : null;
    }
  },
  lost() { if (session.value && !session.value.open) session.value = null; },
  may: (role) => (RANK[session.value?.role] ?? 0) >= RANK[role],
});

const kept = new Map();
const MOST_KEPT = 60;

function keep(key, data) {
  kept.delete(key);
  kept.set(key, data);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

/**
 * Data of a page: fetched, fetched again when an event of one of `topics` comes or `every` so many milliseconds while somebody
 * looks, kept so that going back shows it at once.
 * @param {string | null} source path below /api/v1, or null for nothing yet
 */
export function useData(source, { topics = [], every = 0, read = get } = {}) {
  const [state, set] = useState(() => ({ source, data: kept.get(source), error: null, loading: true }));
  useEffect(() => {
    if (source === null) return undefined;
    let over = false;
    let running = null;
    let again = false;
    let quiet = 0;
    let missed = false;
    set({ source, data: kept.get(source), error: null, loading: true });
    const fetchNow = async () => {
      if (running) { again = true; return; }
      running = new AbortController();
      const began = performance.now();
      try {
        const data = await read(source, running.signal);
        if (over) return;
        keep(source, data);
        set({ source, data, error: null, loading: false, reload: fetchNow });
      } catch (error) {
        if (over) return;
        set((before) => ({ source, data: before.source === source ? before.data : undefined, error, loading: false, reload: fetchNow }));
        // Nobody there: looks again, whether or not the page follows anything.
        if (error.status === 0) setTimeout(soon, 2000);
      } finally {
        running = null;
        // A list that takes long to fetch is fetched seldom.
        quiet = performance.now() + Math.min(5000, 150 + 8 * (performance.now() - began));
        if (again && !over) { again = false; soon(); }
      }
    };
    let timer = 0;
    const soon = () => {
      if (timer || over) return;
      // Nobody looks: once is enough, when somebody does.
      if (document.hidden) { missed = true; return; }
      timer = setTimeout(() => { timer = 0; fetchNow(); }, Math.max(120, quiet - performance.now()));
    };
    fetchNow();
    const seen = () => { if (!document.hidden && missed) { missed = false; soon(); } };
    document.addEventListener("visibilitychange", seen);
    const ends = [live.listen(topics, soon), () => document.removeEventListener("visibilitychange", seen)];
    if (every) {
      const ticking = setInterval(soon, every);
      ends.push(() => clearInterval(ticking));
    }
    return () => {
      over = true;
      clearTimeout(timer);
      running?.abort();
      for (const end of ends) end();
    };
  }, [source, read, every, topics.join()]);
  // What was fetched for another address is not shown for this one.
  return state.source === source ? state : { source, data: kept.get(source), error: null, loading: source !== null };
}
