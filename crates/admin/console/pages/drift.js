// Who runs which commit: by client, with what says so; those that are behind can be refreshed.
import { html, useState } from "../vendor/preact.js";
import { get, path, useData } from "../api.js";
import { useCell } from "../cell.js";
import { Ago, Card, Choice, Figure, Filter, Loaded, Page, Red, State } from "../ui.js";
import { brief, word } from "../format.js";
import { here, to } from "../router.js";
import { Rows } from "../rows.js";
import { t } from "../words.js";
import { Write } from "../write.js";

export default function Drift() {
  const { query } = useCell(here);
  const [application, state, q] = ["application", "state", "q"].map((name) => query.get(name) ?? "");
  const data = useData("/config/drift", { topics: ["config", "registry", "bus", "admin"], every: 15000 });
  return html`<${Page} title=${t("page.drift")} sub=${t("drift.sub")} same=${`wellspring config drift${application ? ` ${word(application)}` : ""}`}>
    <${Loaded} from=${data} need="config-server">${(all) => html`<${Board} ...${all} application=${application} state=${state} q=${q.toLowerCase()} />`}<//><//>`;
}

function Board({ items, current, behind, never, application, state, q }) {
  const [chosen, choose] = useState(() => new Set());
  const unknown = items.filter((one) => one.state === "unknown").length;
  const fitting = items.filter((one) => (!application || one.application.toLowerCase() === application.toLowerCase()) && (!state || one.state === state) && (!q || [one.application, one.instance, one.address, one.version, one.profile].join(" ").toLowerCase().includes(q)));
  const targets = items.filter((one) => one.instance && chosen.has(one.instance)).map((one) => one.instance);
  const pick = (instance, on) => choose((set) => { const next = new Set(set); if (on) next.add(instance); else next.delete(instance); return next; });
  const stale = fitting.filter((one) => one.state === "behind" && one.instance).map((one) => one.instance);
  const columns = [[html`<span class="away">${t("drift.select")}</span>`, "w-s"], [t("application")], [t("instance")], [t("state")], [t("drift.running")], [t("drift.served")], [t("drift.fetched"), "wide"], [t("drift.evidence"), "wide"]];
  return html`<div class="figures"><${Figure} label=${t("drift.behind")} value=${behind} kind=${behind ? "warn" : ""} note=${t("drift.behind.note")} href=${to(["drift"], { state: "behind" })} /><${Figure} label=${t("drift.current")} value=${current} note=${t("drift.current.note")} href=${to(["drift"], { state: "current" })} />
      <${Figure} label=${t("drift.never")} value=${never} note=${t("drift.never.note")} href=${to(["drift"], { state: "never" })} /><${Figure} label=${t("drift.unknown")} value=${unknown} note=${t("drift.unknown.note")} href=${to(["drift"], { state: "unknown" })} /></div>
    ${behind ? html`<${Red} level="warn" title=${t("problem.drift", { n: behind })} means=${t("problem.drift.means")} since=${Math.min(...items.filter((one) => one.state === "behind").map((one) => one.fetchedAt ?? Infinity))} affects=${[...new Set(items.filter((one) => one.state === "behind").map((one) => one.application))].join(", ")} todo=${t("problem.drift.todo")} command=${`wellspring config refresh ${items.filter((one) => one.state === "behind" && one.instance).map((one) => word(one.instance)).join(" ")}`} />` : null}
    <div class="bar"><${Filter} label=${t("drift.filter")} /><${Choice} name="state" label=${t("state")} options=${[["", t("all")], ...["behind", "current", "never", "unknown"].map((one) => [one, t(`drift.${one}`)])]} />
      <button type="button" disabled=${!stale.length} onClick=${() => choose(new Set(stale))}>${t("drift.select.behind", { n: stale.length })}</button>
      <${Write} write="POST /api/v1/config/refresh" label=${t("drift.refresh", { n: targets.length })} title=${t("drift.refresh.title", { n: targets.length })} about=${t("drift.refresh.about")} disabled=${!targets.length} body=${() => ({ instances: targets })}
        command=${(v) => `wellspring config refresh ${targets.map(word).join(" ")} --reason ${word(v.reason || "…")}`} said=${(got) => t("drift.refresh.done", { n: got.items.filter((one) => !one.error).length, of: got.items.length })}
        show=${(got) => html`<ul>${got.items.map((one) => html`<li key=${one.instance}><${State} status=${one.error ? "failed" : "ok"} text=${one.instance} /> ${one.error ?? t("drift.refresh.changed", { n: one.changed })}</li>`)}</ul>`} />
      <span class="count" role="status" data-count>${t("drift.count", { n: fitting.length, of: items.length })}</span></div>
    <section class="card"><${Rows} label=${t("page.drift")} columns=${columns} items=${fitting} id=${(one) => [one.application, one.profile, one.label, one.address, one.instance].join(" ")} row=${(one) => html`
      <td>${one.instance ? html`<input type="checkbox" aria-label=${t("drift.select.one", { id: one.instance })} checked=${chosen.has(one.instance)} onChange=${(e) => pick(one.instance, e.currentTarget.checked)} />` : null}</td>
      <td><a href=${to(["config"], { application: one.application, profile: one.profile })}>${one.application}</a> <span class="soft">${one.profile}${one.label ? ` · ${one.label}` : ""}</span></td>
      <td class="mono">${one.instance ? html`<a href=${to(["services", one.application, one.instance])}>${one.instance}</a>` : one.address ?? "–"}</td><td><${State} status=${one.state} text=${t(`drift.${one.state}`)} /></td>
      <td class="mono">${brief(one.version)}</td><td class="mono">${brief(one.served)}</td><td class="wide"><${Ago} at=${one.fetchedAt} /></td><td class="wide">${one.fetches ? t("drift.by.fetch", { n: one.fetches }) : t("drift.by.none")}</td>`} /></section>`;
}
