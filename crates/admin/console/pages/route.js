// One route: its conditions, filters, figures, breakers.
import { html } from "../vendor/preact.js";
import { get, path, useData } from "../api.js";
import { Ago, Card, Facts, Figure, Loaded, Page, Spark, State, remember } from "../ui.js";
import { clock, condition, count, millis, percent, rate, share } from "../format.js";
import { to } from "../router.js";
import { Switch } from "../route_acts.js";
import { t } from "../words.js";

export default function Route({ at: [id] }) {
  const data = useData(path("/routes/{id}", { id }), { topics: ["routes", "breakers", "admin"], every: 5000 });
  const one = data.data;
  const first = one?.predicates.find((each) => /Paths?[ :=]/.test(each))?.match(/\/[^\s,\]*]*/)?.[0] ?? "/";
  return html`<${Page} title=${id} same="wellspring routes list" state=${one ? html`<${State} status=${one.enabled ? "UP" : "disabled"} text=${t(one.enabled ? "routes.is.on" : "routes.is.off")} />` : null} sub=${html`<a href="#/routes">${t("page.routes")}</a>`}
    acts=${one ? html`<a href=${to(["lab"], { path: first })}>${t("route.try")}</a><${Switch} one=${one} />` : null}><${Loaded} from=${data} need="gateway">${(found) => html`<${Found} one=${found} />`}<//><//>`;
}

function Found({ one }) {
  return html`<div class="figures"><${Figure} label=${t("rps")} value=${rate(one.rps)} note=${t("overview.requests", { n: count(one.requests) })} spark=${html`<${Spark} values=${remember(`route ${one.id}`, one.rps)} />`} /><${Figure} label=${t("errors")} value=${percent(share(one.errors, one.requests))} kind=${one.errors ? "bad" : ""} note=${t("overview.errors.note", { n: count(one.errors) })} />
      <${Figure} label=${t("p99")} value=${millis(one.p99Ms)} note=${t("overview.p99.note")} /><${Figure} label=${t("routes.last")} value=${html`<${Ago} at=${one.lastHit} />`} /></div>
    <div class="grid"><${Card} title=${t("route.conditions")} id="conditions"><ol class="pad">${one.predicates.map((each) => html`<li key=${each}><code>${condition(each)}</code></li>`)}</ol><//>
    <${Card} title=${t("route.filters")} id="filters"><ol class="pad">${one.filters.length ? one.filters.map((each, n) => html`<li key=${n}><code>${each}</code></li>`) : t("none")}</ol><//></div>
    <${Card} title=${t("route.where")} id="where"><div class="pad"><${Facts} items=${[[t("routes.target"), html`<code>${one.uri}</code>`], [t("service"), one.service ? html`<a href=${to(["services", one.service])}>${one.service}</a>` : null], [t("routes.order"), String(one.order)], [t("routes.source"), html`<code>${one.source}</code>`],
    [t("page.resilience"), one.breakers.length ? one.breakers.map((each) => html`<a key=${each} href=${to(["resilience"], { q: each })}>${each}</a> `) : null], [t("routes.switched"), one.switched ? t(one.switchedBy ? "routes.switched.by" : "routes.switched.text", { by: one.switchedBy, at: clock(one.switchedAt) }) : null], [t("instance.metadata"), one.metadata && Object.keys(one.metadata).length ? html`<code>${JSON.stringify(one.metadata)}</code>` : null]]} /></div><//>`;
}
