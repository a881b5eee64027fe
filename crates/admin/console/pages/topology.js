// Who calls whom, as far as the gateway's and clients' figures know; the same as a table.
import { html } from "../vendor/preact.js";
import { get, useData } from "../api.js";
import { useCell } from "../cell.js";
import { Ago, Card, Choice, Filter, Loaded, Page, State, Table } from "../ui.js";
import { count, millis, percent, rate } from "../format.js";
import { here, to } from "../router.js";
import { t } from "../words.js";

const WIDE = 176;
const HIGH = 46;

export default function Topology() {
  const { query } = useCell(here);
  const q = (query.get("q") ?? "").toLowerCase();
  const asks = query.get("clients") === "true";
  // Instances are asked once when somebody wants it, not every few seconds.
  const data = useData(asks ? "/topology?clients=true" : "/topology", asks ? {} : { topics: ["registry", "routes", "breakers"], every: 5000 });
  return html`<${Page} title=${t("page.topology")} sub=${t("topology.sub")} same=${asks ? "wellspring topology --clients" : "wellspring topology"}><div class="bar"><${Filter} label=${t("topology.filter")} /><${Choice} name="clients" label=${t("topology.clients")} options=${[["", t("topology.clients.no")], ["true", t("topology.clients.yes")]]} />${asks ? html`<button type="button" class="quiet" onClick=${() => data.reload?.()}>${t("topology.again")}</button>` : null}<span class="count" role="status">${asks && data.data?.asked ? t("topology.asked", { n: data.data.asked.answered, of: data.data.asked.instances }) : ""}</span></div><${Loaded} from=${data}>${(all) => html`<${Drawn} ...${narrow(all, q)} />`}<//><//>`;
}

/** What fits, and its neighbours. */
function narrow({ nodes, edges }, q) {
  if (!q) return { nodes, edges };
  const hit = new Set(nodes.filter((one) => one.name.toLowerCase().includes(q)).map((one) => one.name));
  const near = edges.filter((one) => hit.has(one.from) || hit.has(one.to));
  const names = new Set([...hit, ...near.flatMap((one) => [one.from, one.to])]);
  return { nodes: nodes.filter((one) => names.has(one.name)), edges: near };
}

const ill = (edge) => (["OPEN", "FORCED_OPEN"].includes(edge.breaker) || edge.errors >= 5 ? "bad" : edge.breaker === "HALF_OPEN" || edge.errors > 0 ? "warn" : "");
const health = (node) => (!node.total || node.up === node.total ? "" : node.up === 0 ? "bad" : "warn");
const measured = (edge) => edge.source === "routes";
const words = (edge) => [measured(edge) ? (edge.requests ? `${rate(edge.rps)} rps` : "") : edge.requests ? t("topology.calls", { n: count(edge.requests) }) : t(`topology.by.${edge.source}`), edge.errors ? percent(edge.errors) : "", edge.p99Ms ? millis(edge.p99Ms) : ""].filter(Boolean).join(" · ");

/** Columns by the longest way from the start; circles end where they began. */
function layers(nodes, edges) {
  const depth = new Map(nodes.map((one) => [one.name, 0]));
  for (let round = 0; round < nodes.length; round += 1) {
    let moved = false;
    for (const { from, to: into } of edges) {
      const next = (depth.get(from) ?? 0) + 1;
      if (from !== into && depth.has(into) && next > depth.get(into) && next <= 6) { depth.set(into, next); moved = true; }
    }
    if (!moved) break;
  }
  const columns = [];
  for (const one of nodes) (columns[depth.get(one.name)] ??= []).push(one);
  return columns.map((column) => column ?? []);
}

function Drawn({ nodes, edges }) {
  const loose = nodes.filter((one) => !edges.some((edge) => edge.from === one.name || edge.to === one.name));
  const columns = layers(nodes.filter((one) => !loose.includes(one)), edges);
  const rows = Math.max(1, ...columns.map((column) => column.length));
  const [gap, line] = [columns.length > 3 ? 190 : 270, HIGH + 30];
  const [width, height] = [Math.max(1, columns.length) * (WIDE + gap) - gap + 24, rows * line + 12];
  const place = new Map(columns.flatMap((column, x) => column.map((one, y) => [one.name, [12 + x * (WIDE + gap), 6 + ((rows - column.length) / 2 + y) * line]])));
  const summary = edges.map((edge) => `${edge.from} → ${edge.to}: ${words(edge)}`).join("; ");
  return html`${edges.length ? html`<section class="card" aria-label=${t("topology.graph")}><div class="scroll pad" role="group" tabindex="0" aria-label=${t("topology.graph")}><svg class="graph" style=${`min-width:${Math.min(width, 760)}px;max-width:${width * 1.25}px`} viewBox=${`0 0 ${width} ${height}`} role="group" aria-label=${summary}>
      ${edges.filter((edge) => edge.from !== edge.to && place.has(edge.from) && place.has(edge.to)).map((edge) => html`<${Edge} key=${`${edge.from} ${edge.to}`} edge=${edge} a=${place.get(edge.from)} b=${place.get(edge.to)} first=${edges.filter((one) => one.to === edge.to).length > edges.filter((one) => one.from === edge.from).length} />`)}${[...place].map(([name, at]) => html`<${Node} key=${name} one=${nodes.find((each) => each.name === name)} at=${at} />`)}</svg></div></section>` : html`<p class="empty">${t("topology.none")}</p>`}
    ${loose.length ? html`<p class="tags">${t("topology.loose")} ${loose.map((one) => html`<a class="tag" key=${one.name} href=${to(["services", one.name])}>${one.name} ${one.total ? `${one.up}/${one.total}` : ""}</a>`)}</p>` : null}
    <${Card} title=${t("topology.table")} id="edges"><${Table} label=${t("topology.table")} empty=${t("topology.none")} columns=${[[t("topology.from")], [t("topology.to")], [t("rps"), "right"], [t("errors"), "right"], [t("p99"), "right"], [t("resilience.breaker")], [t("topology.calls.title"), "right wide"], [t("topology.by"), "wide"], [t("topology.last"), "wide"]]} rows=${edges.map((one) => html`<tr key=${`${one.from} ${one.to}`}><td>${one.from}</td><td>${one.to}</td><td class="right">${measured(one) ? rate(one.rps) : "–"}</td><td class="right">${one.errors ? html`<${State} status="error" text=${percent(one.errors)} />` : one.requests ? "0 %" : "–"}</td><td class="right">${millis(one.p99Ms)}</td><td>${one.breaker ? html`<${State} status=${one.breaker} />` : "–"}</td><td class="right wide">${one.requests ? count(one.requests) : "–"}</td><td class="wide">${t(`topology.by.${one.source}`)}</td><td class="wide"><${Ago} at=${one.at} /></td></tr>`)} /><//>
    <${Card} title=${t("topology.nodes")} id="nodes"><${Table} label=${t("topology.nodes")} columns=${[[t("name")], [t("topology.kind")], [t("services.up"), "right"], [t("state")]]} rows=${nodes.map((one) => html`<tr key=${one.name}><td><a href=${page(one)}>${one.name}</a></td><td>${one.kind}</td><td class="right">${one.total ? `${one.up}/${one.total}` : "–"}</td><td>${one.total ? html`<${State} status=${one.up === one.total ? "UP" : "DOWN"} kind=${one.up && one.up < one.total ? "warn" : undefined} text=${one.up === one.total ? t("services.all.up") : one.up ? t("services.some.down", { n: one.total - one.up }) : t("services.none.up")} />` : html`<${State} status="UNKNOWN" text=${t("topology.outside")} />`}</td></tr>`)} /><//>`;
}

/** `first`: more end where it ends than begin where it begins, so its figures stand at its beginning. */
function Edge({ edge, a, b, first }) {
  const forth = b[0] > a[0];
  const [x1, y1, x2, y2] = forth ? [a[0] + WIDE, a[1] + HIGH / 2, b[0], b[1] + HIGH / 2] : [a[0] + WIDE / 2, a[1] + HIGH, b[0] + WIDE / 2, b[1] + HIGH];
  const middle = (x1 + x2) / 2;
  const line = forth ? `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}` : `M${x1} ${y1}C${x1} ${y1 + 34} ${x2} ${y2 + 34} ${x2} ${y2}`;
  const text = words(edge) + (edge.breaker && edge.breaker !== "CLOSED" ? ` · ${edge.breaker}` : "");
  return html`<g><path class=${ill(edge)} d=${line} /><text class=${`soft ${ill(edge)}`} x=${forth ? (first ? x1 + 12 : x2 - 12) : middle} y=${forth ? (first ? (y1 > y2 ? y1 + 17 : y1 - 7) : y1 < y2 ? y2 + 17 : y2 - 7) : Math.max(y1, y2) + 38} text-anchor=${forth ? (first ? "start" : "end") : "middle"}>${ill(edge) === "bad" ? "✕ " : ill(edge) === "warn" ? "▲ " : ""}${text}</text></g>`;
}

/** A service's page; an address is known by its routes only. */
const page = (one) => (one.kind === "address" ? to(["routes"], { q: one.name }) : to(["services", one.name]));

function Node({ one, at: [x, y] }) {
  const kind = health(one);
  return html`<g class=${`node ${kind}`}><rect x=${x} y=${y} width=${WIDE} height=${HIGH} rx="7" /><a href=${page(one)}><text x=${x + 12} y=${y + 20}>${one.name.length > 22 ? `${one.name.slice(0, 21)}…` : one.name}</text></a><text class=${kind || "soft"} x=${x + 12} y=${y + 37}>${kind === "bad" ? "✕ " : kind === "warn" ? "▲ " : ""}${one.total ? t("topology.up", { up: one.up, total: one.total }) : one.kind}</text></g>`;
}
