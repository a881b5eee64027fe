// The gateway's routes in the order they are tried, with what goes through them.
import { html } from "../vendor/preact.js";
import { get, useData } from "../api.js";
import { useCell } from "../cell.js";
import { Ago, Choice, Filter, Loaded, Page, Red, State, Table } from "../ui.js";
import { clock, condition, count, millis, percent, rate, share } from "../format.js";
import { ofRoutes } from "../problems.js";
import { here, to } from "../router.js";
import { Apply, Switch } from "../route_acts.js";
import { t } from "../words.js";

export default function Routes() {
  const { query } = useCell(here);
  const q = (query.get("q") ?? "").toLowerCase();
  const state = query.get("state") ?? "";
  const data = useData("/routes", { topics: ["routes", "admin"], every: 5000 });
  const table = data.data;
  return html`<${Page} title=${t("page.routes")} same="wellspring routes list" sub=${table ? t("routes.sub", { daemon: table.daemon, revision: table.revision, source: table.appliedAt ? t(table.kept ? "routes.applied.kept" : "routes.applied.till", { source: table.source, at: clock(table.appliedAt) }) : table.source, n: table.items.length }) : null} acts=${html`<a href="#/lab">${t("page.lab")}</a><${Apply} />`}>
    <${Loaded} from=${data} need="gateway">${(all) => html`<${Listed} table=${all} q=${q} state=${state} />`}<//><//>`;
}

function Listed({ table, q, state }) {
  const { key, ...red } = ofRoutes(table) ?? {};
  const fitting = table.items.filter((one) => (!state || (state === "off" ? !one.enabled : one.errors > 0)) && (!q || [one.id, one.uri, one.source, ...one.predicates, ...one.filters].join(" ").toLowerCase().includes(q)));
  return html`${table.refused ? html`<${Red} ...${red} />` : null}
    <div class="bar"><${Filter} label=${t("routes.filter")} /><${Choice} name="state" label=${t("state")} options=${[["", t("all")], ["errors", t("routes.with.errors")], ["off", t("routes.off")]]} /><span class="count" role="status" data-count>${t("routes.count", { n: fitting.length, of: table.items.length })}</span></div>
    <section class="card"><${Table} label=${t("page.routes")} empty=${t("nothing.fits")} columns=${[["#", "right"], [t("route")], [t("routes.when.target")], [t("rps"), "right"], [t("errors"), "right"], [t("p99"), "right"], [t("routes.last"), "wide"], [t("acts"), "right"]]} rows=${fitting.map((one) => html`<tr key=${one.id}>
      <td class="right soft">${table.items.indexOf(one) + 1}</td><td class="key"><strong><a href=${to(["routes", one.id])}>${one.id}</a></strong><br /><span class="soft mono">${one.source}</span>${one.enabled ? null : html`<br /><${State} status="disabled" text=${t("routes.is.off")} />`}</td>
      <td class="key">${one.predicates.map((each) => html`<code class="tag" key=${each}>${condition(each)}</code> `)}<div class="mono soft">→ ${one.uri}</div></td><td class="right">${rate(one.rps)}</td><td class="right">${one.errors ? html`<${State} status="error" text=${`${percent(share(one.errors, one.requests))} (${count(one.errors)})`} />` : count(one.requests) === "0" ? "–" : "0 %"}</td>
      <td class="right">${millis(one.p99Ms)}</td><td class="wide"><${Ago} at=${one.lastHit} /></td><td class="acts-cell"><${Switch} one=${one} /></td></tr>`)} /></section>`;
}
