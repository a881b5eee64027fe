// Breakers as they are, limiters, bulkheads, retries, instances left out.
import { html } from "../vendor/preact.js";
import { get, useData } from "../api.js";
import { useCell } from "../cell.js";
import { Ago, Card, Filter, Figure, Loaded, Moment, Page, Red, Spark, State, Table, remember } from "../ui.js";
import { clock, count, now, percent, span, tick, word } from "../format.js";
import { ofBreaker } from "../problems.js";
import { here, to } from "../router.js";
import { t } from "../words.js";
import { Write } from "../write.js";

export default function Resilience() {
  const { query } = useCell(here);
  const q = (query.get("q") ?? "").toLowerCase();
  const data = useData("/resilience", { topics: ["breakers", "admin"], every: 2000 });
  return html`<${Page} title=${t("page.resilience")} sub=${t("resilience.sub")} same="wellspring breaker list"><${Loaded} from=${data}>${(all) => html`<${Board} ...${all} q=${q} />`}<//><//>`;
}

const fit = (q) => (one) => !q || Object.values(one).flat().join(" ").toLowerCase().includes(q);

function Board({ breakers, limiters, requestLimiters = [], bulkheads, retries, ejected, q }) {
  const wanted = fit(q);
  const reds = breakers.map(ofBreaker).filter(Boolean);
  const order = { OPEN: 0, FORCED_OPEN: 1, HALF_OPEN: 2 };
  const sorted = breakers.filter(wanted).sort((a, b) => (order[a.state] ?? 9) - (order[b.state] ?? 9) || a.name.localeCompare(b.name));
  const open = breakers.filter((one) => one.state === "OPEN" || one.state === "FORCED_OPEN").length;
  return html`${reds.map(({ key, ...red }) => html`<${Red} key=${key} ...${red} page=${undefined} />`)}
    <div class="figures"><${Figure} label=${t("overview.breakers")} value=${`${open}/${breakers.length}`} kind=${open ? "bad" : ""} /><${Figure} label=${t("resilience.refused")} value=${count(breakers.reduce((sum, one) => sum + one.notPermitted, 0))} note=${t("resilience.refused.note")} /><${Figure} label=${t("resilience.ejected")} value=${ejected.length} kind=${ejected.length ? "warn" : ""} note=${t("resilience.ejected.note")} /></div>
    <div class="bar"><${Filter} label=${t("resilience.filter")} /></div>
    <${Card} title=${t("resilience.breakers")} id="breakers"><${Table} label=${t("resilience.breakers")} empty=${t("resilience.none")} columns=${[[t("resilience.breaker")], [t("state")], [t("red.since")], [t("resilience.failing"), "right"], [t("resilience.slow"), "right wide"], [t("resilience.window"), "right"], [t("resilience.refused"), "right"], [t("resilience.probe"), "wide"], [t("page.routes"), "wide"], [t("acts"), "right"]]}
      rows=${sorted.map((one) => html`<tr key=${`${one.daemon} ${one.name}`}><td class="key"><strong>${one.name}</strong><br /><span class="soft">${one.daemon}</span></td><td><${State} status=${one.state} title=${one.reason} />${one.setBy ? html`<div class="soft">${one.setBy}${one.until ? `, ${t("until", { at: clock(one.until) })}` : ""}</div>` : null}</td><td><${Ago} at=${one.since} /></td>
        <td class="right"><${Rate} value=${one.failureRate} limit=${one.failureThreshold} /></td><td class="right wide"><${Rate} value=${one.slowRate} limit=${one.slowThreshold} /></td><td class="right">${t("resilience.of", { failed: one.failed, buffered: one.buffered })}</td><td class="right">${count(one.notPermitted)}</td><td class="wide"><${Probe} at=${one.nextProbe} /></td><td class="wide">${one.routes.map((id) => html`<a key=${id} href=${to(["routes", id])}>${id}</a> `)}</td><td class="acts-cell"><div class="acts"><${Force} one=${one} /></div></td></tr>`)} /><//>
    <${Card} title=${t("resilience.requests")} id="request-limiters"><${Table} label=${t("resilience.requests")} empty=${t("resilience.requests.none")} columns=${[[t("route")], [t("resilience.key")], [t("resilience.limit"), "right"], [t("resilience.kept"), "wide"], [t("resilience.allowed"), "right"], [t("resilience.refused"), "right"], [t("resilience.nameless"), "right wide"], [t("resilience.unasked"), "right wide"], [t("resilience.last.refused"), "wide"]]}
      rows=${requestLimiters.filter(wanted).map((one, at) => html`<tr key=${`${one.daemon} ${one.route} ${at}`}><td class="key"><a href=${to(["routes", one.route])}>${one.route}</a> <span class="soft">${one.daemon}</span></td><td>${one.key}</td><td class="right">${t("resilience.rate", { n: one.replenish, burst: one.burst })}</td><td class="wide">${one.keptIn}</td><td class="right">${count(one.allowed)}</td><td class="right">${one.refused ? html`<${State} status="refused" kind="warn" text=${count(one.refused)} />` : 0}</td><td class="right wide">${count(one.nameless)}</td><td class="right wide">${one.unasked ? html`<${State} status="unasked" kind="warn" text=${count(one.unasked)} />` : 0}</td><td class="wide"><${Ago} at=${one.lastRefused} /></td></tr>`)} /><//>
    <div class="grid"><${Card} title=${t("resilience.ejected")} id="ejected"><${Table} label=${t("resilience.ejected")} empty=${t("resilience.ejected.none")} columns=${[[t("instance")], [t("service")], [t("until.title")]]} rows=${ejected.filter(wanted).map((one) => html`<tr key=${one.daemon + one.instance}><td class="mono key"><${State} status="ejected" text=${one.address} /></td><td><a href=${to(["services", one.service, one.instance])}>${one.service}</a></td><td><${Moment} at=${one.until} /></td></tr>`)} /><//>
      <${Card} title=${t("resilience.retries")} id="retries"><${Table} label=${t("resilience.retries")} empty=${t("resilience.none")} columns=${[[t("name")], [t("resilience.attempts"), "right"], [t("resilience.at.once"), "right"], [t("resilience.later"), "right"], [t("resilience.failed"), "right"]]} rows=${retries.filter(wanted).map((one) => html`<tr key=${one.daemon + one.name}><td class="key">${one.name} <span class="soft">${one.daemon}</span></td><td class="right">${one.attempts}</td><td class="right">${count(one.succeeded)}</td><td class="right">${count(one.succeededLater)}</td><td class="right">${count(one.failed + one.failedFinally)}</td></tr>`)} /><//>
      <${Card} title=${t("resilience.limiters")} id="limiters"><${Table} label=${t("resilience.limiters")} empty=${t("resilience.none")} columns=${[[t("name")], [t("resilience.left"), "right"], [t("resilience.limit"), "right"], [t("resilience.waiting"), "right"]]} rows=${limiters.filter(wanted).map((one) => html`<tr key=${one.daemon + one.name}><td class="key">${one.name} <span class="soft">${one.daemon}</span></td><td class="right">${one.available}</td><td class="right">${t("resilience.per", { n: one.limit, span: span(one.periodMs) })}</td><td class="right">${one.waiting}</td></tr>`)} /><//>
      <${Card} title=${t("resilience.bulkheads")} id="bulkheads"><${Table} label=${t("resilience.bulkheads")} empty=${t("resilience.none")} columns=${[[t("name")], [t("resilience.left"), "right"], [t("resilience.max"), "right"]]} rows=${bulkheads.filter(wanted).map((one) => html`<tr key=${one.daemon + one.name}><td class="key">${one.name} <span class="soft">${one.daemon}</span></td><td class="right">${one.available}</td><td class="right">${one.max}</td></tr>`)} /><//></div>`;
}

/** A rate beside its limit. */
function Rate({ value, limit }) {
  if (value === undefined || value === null || value < 0) return html`<span class="soft">–</span>`;
  return html`<span class=${value >= limit ? "bad" : ""}>${percent(value)}</span> <span class="soft">${t("resilience.limit.of", { limit: percent(limit) })}</span>`;
}

function Probe({ at }) {
  useCell(tick);
  if (!at) return "–";
  return at > now() ? t("time.in", { span: span(at - now()) }) : t("resilience.probe.now");
}

const Force = ({ one }) => html`<${Write} write="POST /api/v1/breakers/{name}/state" at=${{ name: one.name }} query=${() => ({ daemon: one.daemon })} label=${t("resilience.force")} title=${t("resilience.force.title", { name: one.name })} about=${t("resilience.force.about")}
  fields=${[{ name: "state", label: t("state"), type: "select", value: one.state === "CLOSED" ? "FORCED_OPEN" : "CLOSED", options: ["FORCED_OPEN", "CLOSED", "DISABLED"].map((state) => [state, t(`breaker.${state}`)]) }, { name: "minutes", label: t("drain.minutes"), type: "number", min: 1, optional: true, help: t("resilience.minutes.help") }]}
  command=${(v) => `wellspring breaker ${{ FORCED_OPEN: "open", CLOSED: "close", DISABLED: "disable" }[v.state]} ${word(one.name)}${v.minutes && v.state !== "CLOSED" ? ` --minutes ${v.minutes}` : ""} --reason ${word(v.reason || "…")}`} said=${(_, v) => t("resilience.forced", { name: one.name, state: v.state })} />`;
