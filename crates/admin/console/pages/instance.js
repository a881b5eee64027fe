// One instance: its lease, both statuses and who set them, what it runs, its own actuator on request.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, path, useData } from "../api.js";
import { useCell } from "../cell.js";
import { Events } from "../events.js";
import { Ago, Card, Choice, Facts, Failure, Loaded, Moment, Page, Red, State, Table } from "../ui.js";
import { brief, clock, now, shown, span, tick, word } from "../format.js";
import { drain, label, remove, undrain } from "../instance_acts.js";
import { here, to } from "../router.js";
import { t } from "../words.js";
import { Write } from "../write.js";

export default function Instance({ at: [name, id] }) {
  const data = useData(path("/services/{name}/instances/{id}", { name, id }), { topics: ["registry", "config", "admin"], every: 10000 });
  const one = data.data;
  return html`<${Page} title=${id} same=${`wellspring instances ${word(name)} ${word(id)}`} state=${one ? html`<${State} status=${one.status} />` : null} sub=${html`<a href=${to(["services", name])}>${name}</a>`}
    acts=${one ? html`${one.overridden ? undrain(name, one) : drain(name, one)}${label(name, one)}${remove(name, one)}` : null}>
    <${Loaded} from=${data} need="registry">${(found) => html`<${Found} name=${name} one=${found} />`}<//><//>`;
}

function Found({ name, one }) {
  const red = verdict(name, one);
  const events = one.events ?? [];
  return html`${red ? html`<${Red} ...${red} />` : null}${one.warnings?.length ? html`<${Red} level="warn" title=${t("instance.warning")} what=${one.warnings.join("\n")} means=${t("instance.warning.means")} since=${one.registeredAt} affects=${t("instance.warning.affects", { name })} todo=${t("instance.warning.todo")} command="eureka.instance.prefer-ip-address=true" />` : null}
    <div class="grid"><${Card} title=${t("instance.lease")} id="lease"><div class="pad"><${Lease} one=${one} /></div><//>
    <${Card} title=${t("instance.who")} id="who"><div class="pad"><${Facts} items=${[
    [t("address"), html`<code>${one.secure ? "https" : "http"}://${one.host}:${one.port}</code>`], [t("instance.ip"), html`<code>${one.ip}</code>`], [t("zone"), one.zone], [t("version"), one.metadata.version],
    [t("instance.commit"), one.configCommit ? html`<a href=${to(["drift"], { application: name })}><code>${brief(one.configCommit)}</code></a>` : null], [t("instance.seen"), one.visibleTo ? visible(one.visibleTo) : null],
    [t("instance.metadata"), html`<span class="tags">${Object.entries(one.metadata).map(([key, value]) => html`<code class="tag" key=${key}>${key}=${value}</code>`)}</span>`]]} /></div><//></div>
    <${Actuator} name=${name} id=${one.id} />
    <${Card} title=${t("happened")} id="happened" acts=${html`<a href=${to(["timeline"], { q: one.id })}>${t("page.timeline")}</a>`}><${Events} items=${events} /><//>`;
}

const visible = (seen) => (Array.isArray(seen) ? seen.map((each) => (typeof each === "string" ? each : Object.values(each).filter((value) => typeof value !== "object").join(" "))).join(", ") : shown(seen));

function verdict(name, one) {
  if (one.status === "UP") return null;
  const drained = one.overridden === "OUT_OF_SERVICE";
  const by = [one.overriddenBy, one.reason && `“${one.reason}”`].filter(Boolean).join(", ");
  return {
    level: drained ? "warn" : "bad", title: drained ? t("instance.drained") : t("instance.not.up", { status: one.status }), what: drained && by ? t("instance.drained.by", { by }) : undefined,
    means: t(drained ? "problem.service.drained.means" : "instance.not.up.means"), since: one.overriddenAt ?? one.statusSince ?? one.renewedAt, affects: t("instance.affects", { name }),
    todo: drained ? (one.overriddenUntil ? t("instance.drained.until", { at: clock(one.overriddenUntil) }) : t("problem.service.drained.todo")) : t("problem.service.todo"),
    command: drained ? `wellspring undrain ${word(name)} ${word(one.id)}` : `curl http://${one.host}:${one.port}/actuator/health`,
  };
}

/** When it was heard, when it is due, when it goes. */
function Lease({ one }) {
  useCell(tick);
  const evict = one.evictAt ?? (one.renewedAt && one.leaseSeconds ? one.renewedAt + one.leaseSeconds * 1000 : null);
  const left = (at) => (at > now() ? t("time.in", { span: span(at - now()) }) : t("time.over", { span: span(now() - at) }));
  return html`<${Facts} items=${[
    [t("instance.own"), one.ownStatus ? html`<${State} status=${one.ownStatus} />` : null],
    [t("instance.override"), one.overridden ? html`<${State} status=${one.overridden} /> ${one.overriddenUntil ? html`<span class="soft">${left(one.overriddenUntil)}</span>` : null}` : t("none")],
    [t("instance.beat"), html`<${Ago} at=${one.renewedAt} />`], [t("instance.due"), one.nextDue ? left(one.nextDue) : null],
    [t("instance.evict"), evict ? html`<${Moment} at=${evict} /> <span class="soft">${left(evict)}</span>` : null], [t("instance.registered"), html`<${Moment} at=${one.registeredAt} />`]]} />`;
}

const PANELS = ["health", "info", "env", "loggers", "metrics", "threaddump"];

/** Asked only when somebody wants to see it, only at the registered address. */
function Actuator({ name, id }) {
  const { query } = useCell(here);
  const panel = query.get("actuator") ?? "";
  return html`<${Card} title=${t("actuator")} id="actuator" acts=${html`<${Choice} name="actuator" label=${t("actuator")} options=${[["", t("actuator.off")], ...PANELS.map((one) => [one, t(`actuator.${one}`)])]} />${refresh(name, id)}`}>
    ${panel ? html`<${Panel} key=${panel} panel=${panel} name=${name} id=${id} />` : html`<p class="empty">${t("actuator.why")}</p>`}<//>`;
}

const refresh = (name, id) => html`<${Write} write="POST /api/v1/services/{name}/instances/{id}/actuator/refresh" at=${{ name, id }} label=${t("refresh")} title=${t("refresh.title", { id })} about=${t("refresh.about")}
  command=${(v) => `wellspring instances refresh ${word(name)} ${word(id)} --reason ${word(v.reason || "…")}`} said=${(got) => t("refresh.done", { keys: Array.isArray(got?.body) ? got.body.join(", ") || t("none") : "–" })} />`;

function Panel({ panel, name, id }) {
  const data = useData(path(`/services/{name}/instances/{id}/actuator/${panel}`, { name, id }));
  return html`<${Loaded} from=${data}>${(got) => {
    const body = got?.body ?? got;
    if (panel === "loggers" && body?.loggers) return html`<${Loggers} loggers=${body.loggers} name=${name} id=${id} reload=${data.reload} />`;
    if (panel === "health" && body?.status) return html`<div class="pad"><p><${State} status=${body.status} /></p></div>${body.components ? html`<${Table} label=${t("actuator.health")} columns=${[[t("overview.components")], [t("state")], [t("details")]]}
      rows=${Object.entries(body.components).map(([key, part]) => html`<tr key=${key}><td>${key}</td><td><${State} status=${part.status} /></td><td class="key"><code>${part.details ? JSON.stringify(part.details) : ""}</code></td></tr>`)} />` : null}`;
    return html`<pre class="code" tabindex="0" aria-label=${t(`actuator.${panel}`)}>${typeof body === "string" ? body : JSON.stringify(body, null, 2)}</pre>`;
  }}<//>`;
}

const LEVELS = ["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

function Loggers({ loggers, name, id, reload }) {
  const [q, set] = useState("");
  const all = Object.entries(loggers).filter(([key]) => key.toLowerCase().includes(q.toLowerCase()));
  const own = all.filter(([, one]) => one.configuredLevel);
  const shownOnes = (q ? all : [...new Map([...own, ...all]).entries()]).slice(0, 40);
  return html`<div class="pad bar"><label class="filter"><span class="away">${t("loggers.filter")}</span><input type="search" placeholder=${t("loggers.filter")} value=${q} onInput=${(e) => set(e.currentTarget.value)} /></label><span class="count">${t("loggers.count", { n: shownOnes.length, of: Object.keys(loggers).length })}</span></div>
    <${Table} label=${t("actuator.loggers")} columns=${[[t("logger")], [t("loggers.configured")], [t("loggers.effective")], [t("acts"), "right"]]} rows=${shownOnes.map(([key, one]) => html`<tr key=${key}><td class="key mono">${key}</td><td>${one.configuredLevel ?? "–"}</td><td>${one.effectiveLevel}</td>
      <td class="acts-cell"><${Write} write="POST /api/v1/services/{name}/instances/{id}/actuator/loggers" at=${{ name, id }} label=${t("loggers.set")} title=${t("loggers.title", { logger: key })} about=${t("loggers.about")}
        fields=${[{ name: "level", label: t("loggers.level"), type: "select", options: LEVELS.map((level) => [level, level]), value: one.effectiveLevel }]} body=${(v) => ({ logger: key, level: v.level })}
        command=${(v) => `wellspring instances log-level ${word(name)} ${word(id)} ${word(key)} ${v.level} --reason ${word(v.reason || "…")}`} said=${(_, v) => { reload?.(); return t("loggers.done", { logger: key, level: v.level }); }} /></td></tr>`)} />`;
}
