// How the platform stands: daemons, open problems, figures, the last events.
import { html } from "../vendor/preact.js";
import { get, useData } from "../api.js";
import { Events } from "../events.js";
import { count, millis, percent, rate } from "../format.js";
import { gather } from "../problems.js";
import { to } from "../router.js";
import { Card, Figure, Loaded, Page, Red, Spark, State, Table, remember } from "../ui.js";
import { t } from "../words.js";

/** A part of the platform that may not be there. */
async function maybe(path, signal) {
  try { return await get(path, signal); } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

async function everything(_, signal) {
  const overview = await get("/overview", signal);
  const has = (domain, path) => (!overview.domains || overview.domains.includes(domain) ? maybe(path, signal) : null);
  const [services, repositories, drift, routes, resilience, cluster, bus] = await Promise.all([
    overview.services.up < overview.services.instances ? maybe("/services?status=DOWN,OUT_OF_SERVICE,STARTING,UNKNOWN&limit=200", signal) : null, has("config server", "/config/repositories"), has("config server", "/config/drift"), has("gateway", "/routes"), maybe("/resilience", signal), has("registry", "/cluster"), has("bus", "/bus?limit=20"),
  ]);
  return { overview, services, repositories, drift, routes, resilience, cluster, bus };
}

export default function Overview() {
  const data = useData("overview", { topics: ["*"], every: 15000, read: everything });
  const status = data.data?.overview.status;
  return html`<${Page} title=${t("page.overview")} same="wellspring check" sub=${t("overview.sub")}><${Loaded} from=${data}>${(all) => html`<${Stand} ...${all} status=${status} />`}<//><//>`;
}

function Stand(all) {
  const { overview, routes, resilience, drift } = all;
  const problems = gather(all);
  const { services, daemons, events } = overview;
  const sum = (routes?.items ?? []).reduce((whole, one) => ({ rps: whole.rps + one.rps, requests: whole.requests + one.requests, errors: whole.errors + one.errors, p99: Math.max(whole.p99, one.p99Ms ?? 0) }), { rps: 0, requests: 0, errors: 0, p99: 0 });
  const open = (resilience?.breakers ?? []).filter((one) => one.state === "OPEN" || one.state === "FORCED_OPEN").length;
  const down = services.instances - services.up;
  return html`<p class="sentence">${problems.length ? html`<${State} status="DOWN" kind=${problems[0].level} text=${t(problems.length === 1 ? "overview.one" : "overview.some", { n: problems.length })} />` : html`<${State} status="UP" text=${t("overview.well")} />`}</p>
    <div class="figures">
      <${Figure} label=${t("overview.instances")} value=${`${count(services.up)}/${count(services.instances)}`} kind=${down ? "bad" : ""} note=${down ? t("overview.down", { n: down }) : t("overview.services", { n: services.services })} href="#/services" />
      ${routes ? html`<${Figure} label=${t("overview.rps")} value=${rate(sum.rps)} note=${t("overview.requests", { n: count(sum.requests) })} href="#/routes" spark=${html`<${Spark} values=${remember("rps", sum.rps)} />`} />
      <${Figure} label=${t("overview.errors")} value=${percent(sum.requests ? (100 * sum.errors) / sum.requests : 0)} kind=${sum.errors ? "warn" : ""} note=${t("overview.errors.note", { n: count(sum.errors) })} href="#/routes" />
      <${Figure} label=${t("overview.p99")} value=${sum.p99 ? millis(sum.p99) : "–"} note=${t("overview.p99.note")} href="#/routes" />` : null}
      ${resilience ? html`<${Figure} label=${t("overview.breakers")} value=${`${open}/${resilience.breakers.length}`} kind=${open ? "bad" : ""} note=${t("overview.breakers.note")} href="#/resilience" />` : null}
      ${drift ? html`<${Figure} label=${t("overview.drift")} value=${drift.behind} kind=${drift.behind ? "warn" : ""} note=${t("overview.drift.note", { n: drift.current })} href="#/drift" />` : null}
    </div>
    ${problems.length ? html`<section aria-labelledby="problems" class="reds two"><h2 class="h2" id="problems">${t("overview.problems", { n: problems.length })}</h2>${problems.map(({ key, ...one }) => html`<${Red} key=${key} heading="h3" ...${one} />`)}</section>` : null}
    <div class="grid"><${Card} title=${t("overview.daemons")} id="daemons"><${Table} label=${t("overview.daemons")} columns=${[[t("daemon")], [t("state")], [t("address"), "wide"], [t("overview.components")]]}
      rows=${daemons.map((one) => html`<tr key=${one.name}><td><strong>${one.name}</strong></td><td><${State} status=${one.status} /></td><td class="mono wide">${one.address}</td><td><${Parts} of=${one.components} /></td></tr>`)} /><//>
    <${Card} title=${t("overview.events")} id="events" acts=${html`<a href=${to(["timeline"])}>${t("overview.events.all")}</a>`}><${Events} items=${events} /><//></div>`;
}

/** The parts of a daemon's health: those that are ill by name, the others counted. */
function Parts({ of }) {
  const all = Object.entries(of);
  const ill = all.filter(([, one]) => one.status !== "UP");
  return html`<span class="tags">${ill.map(([name, one]) => html`<span key=${name} title=${one.description}><${State} status=${one.status} text=${`${name} ${one.status}`} /></span>`)}<span class="soft">${t("overview.fine", { n: all.length - ill.length })}</span></span>`;
}
