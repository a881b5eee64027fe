// What is registered: by service, or every instance in one list.
import { html } from "../vendor/preact.js";
import { all, useData } from "../api.js";
import { useCell } from "../cell.js";
import { Ago, Choice, Filter, Loaded, Page, State } from "../ui.js";
import { millis, percent, rate, share, word } from "../format.js";
import { here, to } from "../router.js";
import { Rows } from "../rows.js";
import { t } from "../words.js";

const lower = new WeakMap();
/** What a filter looks at, put together once. */
function text(of, ...parts) {
  let known = lower.get(of);
  if (known === undefined) lower.set(of, known = parts.join(" ").toLowerCase());
  return known;
}

export default function Services() {
  const { query } = useCell(here);
  const [q, view, state] = ["q", "view", "state"].map((name) => query.get(name) ?? "");
  const data = useData("/services", { topics: ["registry", "health"], every: 15000, read: all });
  return html`<${Page} title=${t("page.services")} same=${`wellspring ${view === "instances" ? "instances" : `services${q ? ` ${word(q)}` : ""}`}`}>
    <div class="bar"><${Filter} label=${t("services.filter")} /><${Choice} name="view" label=${t("services.view")} options=${[["services", t("services.by.service")], ["instances", t("services.by.instance")]]} />
      <${Choice} name="state" label=${t("state")} options=${[["", t("all")], ["ill", t("services.ill")]]} /></div>
    <${Loaded} from=${data} need="registry">${({ items }) => (view === "instances" ? html`<${Instances} items=${items} q=${q.toLowerCase()} ill=${state === "ill"} />` : html`<${ByName} items=${items} q=${q.toLowerCase()} ill=${state === "ill"} />`)}<//><//>`;
}

function ByName({ items, q, ill }) {
  const fitting = items.filter((one) => (!ill || one.up < one.total) && (!q || text(one, one.name, ...one.instances.flatMap((each) => [each.id, each.host, each.status])).includes(q)));
  const columns = [[t("service")], [t("services.up"), "right"], [t("state")], [t("version"), "wide"], [t("zone"), "wide"], [t("rps"), "right"], [t("errors"), "right"], [t("p99"), "right wide"]];
  return html`<section class="card"><${Rows} label=${t("page.services")} columns=${columns} items=${fitting} id=${(one) => one.name} empty=${items.length ? t("nothing.fits") : t("services.none")} row=${(one) => html`
    <td><strong><a href=${to(["services", one.name])}>${one.name}</a></strong></td><td class="right">${one.up}/${one.total}</td><td><${State} ...${stands(one)} /></td>
    <td class="wide">${several(one.versions ?? values(one, "version"))}</td><td class="wide">${several(one.zones ?? [...new Set(one.instances.map((each) => each.zone).filter(Boolean))])}</td>
    <td class="right">${rate(one.rps)}</td><td class="right">${one.errorRate === undefined ? percent(one.requests ? share(one.errors, one.requests) : undefined) : percent(one.errorRate)}</td><td class="right wide">${millis(one.p99Ms)}</td>`} /></section>
    <p class="bar"><span class="count" role="status" data-count>${t("services.count", { n: fitting.length, of: items.length })}</span></p>`;
}

/** A service's state in a word. */
export function stands(one) {
  if (one.up === one.total) return { status: "UP", text: t("services.all.up") };
  return one.up === 0 ? { status: "DOWN", text: t("services.none.up") } : { status: "DOWN", kind: "warn", text: t("services.some.down", { n: one.total - one.up }) };
}

const several = (names) => (names?.length ? names.slice(0, 3).join(", ") + (names.length > 3 ? " …" : "") : html`<span class="soft">–</span>`);
const values = (service, name) => [...new Set(service.instances.map((one) => one.metadata[name]).filter(Boolean))];

function Instances({ items, q, ill }) {
  const flat = items.flatMap((service) => service.instances.map((one) => Object.assign(one, { service: service.name })));
  const fitting = flat.filter((one) => (!ill || one.status !== "UP") && (!q || text(one, one.service, one.id, one.host, one.ip, one.status, one.zone, one.metadata.version).includes(q)));
  const columns = [[t("service"), "w-l"], [t("instance")], [t("state"), "w-m"], [t("zone"), "w-s wide"], [t("version"), "w-s wide"], [t("instance.beat"), "w-m wide"]];
  return html`<section class="card"><${Rows} label=${t("services.instances")} columns=${columns} items=${fitting} id=${(one) => `${one.service} ${one.id}`} empty=${t("nothing.fits")} row=${(one) => html`
    <td><a href=${to(["services", one.service])}>${one.service}</a></td><td class="mono"><a href=${to(["services", one.service, one.id])}>${one.id}</a></td><td><${State} status=${one.status} /></td><td class="wide">${one.zone ?? "–"}</td><td class="wide">${one.metadata.version ?? "–"}</td><td class="wide"><${Ago} at=${one.renewedAt} /></td>`} /></section>
    <p class="bar"><span class="count" role="status" data-count>${t("services.count.instances", { n: fitting.length, of: flat.length })}</span></p>`;
}
