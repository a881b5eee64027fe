// One service: its instances, who they are, how they do.
import { html } from "../vendor/preact.js";
import { get, path, useData } from "../api.js";
import { useCell } from "../cell.js";
import { Events } from "../events.js";
import { Ago, Card, Facts, Figure, Filter, Loaded, Page, Red, State } from "../ui.js";
import { count, millis, percent, rate, word } from "../format.js";
import { drain, remove, undrain } from "../instance_acts.js";
import { ofService } from "../problems.js";
import { here, to } from "../router.js";
import { Rows } from "../rows.js";
import { t } from "../words.js";
import { stands } from "./services.js";

export default function Service({ at: [name] }) {
  const data = useData(path("/services/{name}", { name }), { topics: ["registry", "health"], every: 10000 });
  const one = data.data;
  return html`<${Page} title=${one?.name ?? name} same=${`wellspring instances ${word(name)}`} state=${one ? html`<${State} ...${stands(one)} />` : null} sub=${html`<a href="#/services">${t("page.services")}</a>`}
    acts=${html`<a href=${to(["drift"], { application: name })}>${t("page.drift")}</a> <a href=${to(["config"], { application: name.toLowerCase() })}>${t("page.config")}</a> <a href=${to(["timeline"], { q: name })}>${t("page.timeline")}</a>`}>
    <${Loaded} from=${data} need="registry">${(found) => html`<${Found} one=${found} reload=${data.reload} />`}<//><//>`;
}

function Found({ one, reload }) {
  const { query } = useCell(here);
  const q = (query.get("q") ?? "").toLowerCase();
  const problem = ofService(one);
  const { key, ...red } = problem ?? {};
  const fitting = one.instances.filter((each) => !q || [each.id, each.host, each.ip, each.status, each.zone, each.metadata.version].join(" ").toLowerCase().includes(q));
  const columns = [[t("instance")], [t("state")], [t("instance.beat")], [t("zone"), "wide"], [t("version"), "wide"], [t("address"), "wide"], [t("acts"), "right"]];
  return html`${problem ? html`<${Red} ...${red} />` : null}
    <div class="figures"><${Figure} label=${t("overview.instances")} value=${`${one.up}/${one.total}`} kind=${one.up < one.total ? "bad" : ""} note=${t("service.ill", { n: one.total - one.up })} />
      ${one.rps === undefined || one.rps === null ? null : html`<${Figure} label=${t("rps")} value=${rate(one.rps)} note=${t("service.through")} /><${Figure} label=${t("errors")} value=${percent(one.errorRate)} /><${Figure} label=${t("p99")} value=${millis(one.p99Ms)} />`}
      <${Figure} label=${t("service.versions")} value=${count(new Set(one.instances.map((each) => each.metadata.version ?? "")).size)} note=${[...new Set(one.instances.map((each) => each.metadata.version).filter(Boolean))].slice(0, 3).join(", ") || t("service.no.version")} /></div>
    <div class="bar"><${Filter} label=${t("service.filter")} /><span class="count" role="status" data-count>${t("services.count.instances", { n: fitting.length, of: one.total })}</span></div>
    <section class="card"><${Rows} label=${t("services.instances")} columns=${columns} items=${fitting} id=${(each) => each.id} empty=${t("nothing.fits")} height=${38} row=${(each) => html`
      <td class="mono"><a href=${to(["services", one.name, each.id])}>${each.id}</a></td><td><${State} status=${each.status} title=${each.overridden ? t("instance.by.override") : undefined} /></td><td><${Ago} at=${each.renewedAt} /></td><td class="wide">${each.zone ?? "–"}</td>
      <td class="wide">${each.metadata.version ?? "–"}</td><td class="wide mono">${each.host}:${each.port}</td><td class="acts-cell"><div class="acts">${each.overridden ? undrain(one.name, each, reload) : drain(one.name, each, reload)}${remove(one.name, each, reload)}</div></td>`} /></section>
    <${Happened} name=${one.name} />`;
}

function Happened({ name }) {
  const data = useData(path("/events", {}, { q: name, limit: 12 }), { topics: ["registry", "config", "admin"] });
  return html`<${Card} title=${t("happened")} id="happened" acts=${html`<a href=${to(["timeline"], { q: name })}>${t("page.timeline")}</a>`}><${Loaded} from=${data}>${({ items }) => html`<${Events} items=${items} />`}<//><//>`;
}
