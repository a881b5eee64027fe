// Configuration: what an application gets and from where, what changed, what is held; encryption.
import { html, useState } from "../vendor/preact.js";
import { get, path, useData } from "../api.js";
import { useCell } from "../cell.js";
import { Ago, Card, Choice, Copy, Facts, Failure, Filter, Loaded, Moment, Page, Red, State, Table } from "../ui.js";
import { brief, bytes, shown, word } from "../format.js";
import { ofRejected, ofRepository } from "../problems.js";
import { amend, here, to } from "../router.js";
import { Rows } from "../rows.js";
import { t } from "../words.js";
import { Write } from "../write.js";

const VIEWS = { values: Values, history: History, diff: Diff, repositories: Repositories, pins: Pins };

export default function Config() {
  const { query } = useCell(here);
  const at = Object.fromEntries(["application", "profile", "label", "key", "q", "from", "to"].map((name) => [name, query.get(name) ?? ""]));
  const view = VIEWS[query.get("view")] ? query.get("view") : "values";
  const keep = { application: at.application, profile: at.profile, label: at.label };
  const flags = (names) => names.filter((name) => at[name]).map((name) => ` --${name} ${word(at[name])}`).join("");
  const app = at.application ? word(at.application) : "APPLICATION";
  const same = { values: `wellspring config get ${app}${at.profile || at.label ? ` ${word(at.profile || "default")}` : ""}${at.label ? ` ${word(at.label)}` : ""}`, history: `wellspring config history${at.application ? ` ${app}` : ""}${flags(["profile", "label"])}`,
    diff: `wellspring config diff ${app} ${word(at.from || "main~1")}${at.to ? ` ${word(at.to)}` : ""}${flags(["profile"])}`, repositories: "wellspring check", pins: "wellspring config pins" }[view];
  const View = VIEWS[view];
  return html`<${Page} title=${t("page.config")} same=${same} acts=${html`<${Pin} label=${at.label} /><${Encrypt} /><${Decrypt} />`}>
    <${Whose} ...${at} /><div class="tabs" role="navigation" aria-label=${t("config.views")}>${Object.keys(VIEWS).map((name) => html`<a key=${name} href=${to(["config"], { ...keep, view: name === "values" ? "" : name })} aria-current=${name === view ? "page" : undefined}>${t(`config.${name}`)}</a>`)}</div>
    <${View} ...${at} /><//>`;
}

/** Application, profiles, label: what has fetched is offered, anything may be typed. */
function Whose({ application, profile, label }) {
  const drift = useData("/config/drift", { topics: ["config"] });
  const known = (pick) => [...new Set((drift.data?.items ?? []).map(pick).filter(Boolean))].sort();
  const field = (name, value, options, hint) => html`<label class="field"><span>${t(name)}</span><input list=${`known-${name}`} value=${value} placeholder=${hint} onChange=${(e) => amend({ [name]: e.currentTarget.value.trim() })} /><datalist id=${`known-${name}`}>${options.map((one) => html`<option value=${one} key=${one} />`)}</datalist></label>`;
  return html`<div class="fields">${field("application", application, known((one) => one.application), t("config.application.hint"))}${field("profile", profile, known((one) => one.profile), "default")}${field("label", label, known((one) => one.label), t("config.label.hint"))}</div>
    ${application ? null : html`<p class="tags">${t("config.known")} ${known((one) => one.application).slice(0, 30).map((one) => html`<a class="tag" key=${one} href=${to(["config"], { application: one.toLowerCase() })}>${one}</a>`)}</p>`}`;
}

function Values({ application, profile, label, key: wanted, q }) {
  const { query } = useCell(here);
  const only = query.get("key") ?? "";
  const data = useData(application ? path("/config/environment", {}, { application, profile, label }) : null, { topics: ["config"] });
  if (!application) return html`<p class="empty">${t("config.choose")}</p>`;
  return html`<${Loaded} from=${data} need="config-server">${(all) => {
    const fits = q.toLowerCase();
    const items = all.items.filter((one) => (!fits || one.key.toLowerCase().includes(fits) || shown(one.value).toLowerCase().includes(fits) || one.source.toLowerCase().includes(fits)) && (!only || one.key === only));
    const sources = [...new Set(all.items.map((one) => one.source))];
    return html`<div class="bar"><${Filter} label=${t("config.filter")} />${only ? html`<button type="button" onClick=${() => amend({ key: "" })}>${t("config.all.keys")}</button>` : null}<span class="count" role="status" data-count>${t("config.count", { n: items.length, of: all.items.length, sources: sources.length, commit: brief(all.version) })}</span></div>
      <section class="card"><${Rows} label=${t("config.values")} columns=${[[t("key")], [t("value")], [t("config.source")], [t("config.origin"), "wide"]]} items=${items} id=${(one) => one.key} row=${(one) => html`
        <td class="mono"><a href=${to(["config"], { application, profile, label, key: one.key })}>${one.key}</a></td><td class="mono" title=${shown(one.value)}>${one.secret ? html`<span class="soft">${t("config.secret")}</span>` : shown(one.value)}</td><td title=${one.source}>${one.source.match(/[^/']+\.(ya?ml|properties|json)/)?.[0] ?? one.source}</td><td class="mono wide">${one.origin ?? "–"}</td>`} /></section>
      ${only && items[0] ? html`<${Explained} one=${items[0]} application=${application} version=${all.version} />` : null}`;
  }}<//>`;
}

/** Why a key has this value. */
const Explained = ({ one, application, version }) => html`<${Card} title=${t("config.explained", { key: one.key })} id="explained"><div class="pad"><${Facts} items=${[[t("value"), html`<code>${one.secret ? t("config.secret") : shown(one.value)}</code>`], [t("config.source"), html`<code>${one.source}</code>`], [t("config.origin"), one.origin], [t("config.commit"), html`<code>${brief(version)}</code>`],
  [t("red.command"), html`<code>wellspring config get ${application}</code>`]]} /></div><//>`;

function History({ application, profile, label }) {
  const [before, page] = useState("");
  const data = useData(path("/config/history", {}, { application, profile, label, before, limit: 50 }), { topics: ["config", "admin"] });
  return html`<${Loaded} from=${data} need="config-server">${(all) => {
    const { key, ...rejected } = all.rejected ? ofRejected({ uri: all.repository }, all.rejected) : {};
    return html`${all.rejected ? html`<${Red} ...${rejected} />` : null}
      <div class="bar"><span><code>${all.repository}</code> ${all.label}</span><span>${t("config.serves")} <code>${brief(all.served)}</code></span>${all.pin ? html`<${Held} pin=${all.pin} />` : html`<${State} status="ok" text=${t("config.follows")} />`}</div>
      <section class="card"><${Table} label=${t("config.history")} columns=${[[t("config.commit")], [t("config.when")], [t("config.author"), "wide"], [t("config.message")], [t("config.files"), "wide"], [t("acts"), "right"]]} rows=${all.items.map((one, n) => html`<tr key=${one.id}>
        <td class="mono">${brief(one.id)}${one.served ? html` <${State} status="ok" text=${t("config.served")} />` : all.rejected?.commit === one.id ? html` <${State} status="refused" text=${t("config.refused")} />` : null}</td><td><${Ago} at=${one.at} /></td><td class="wide">${one.author}</td><td class="key">${one.message}</td><td class="wide">${one.files.slice(0, 3).join(", ")}${one.files.length > 3 ? " …" : ""}</td>
        <td class="acts-cell"><div class="acts">${all.items[n + 1] ? html`<a href=${to(["config"], { application, profile, label, view: "diff", from: all.items[n + 1].id, to: one.id })}>${t("config.diff")}</a>` : null}${one.served ? null : html`<${Hold} label=${all.label} repository=${all.repository} commit=${one.id} back=${n > 0} />`}</div></td></tr>`)} /></section>
      <div class="bar">${before ? html`<button type="button" onClick=${() => page("")}>${t("newest")}</button>` : null}${all.next ? html`<button type="button" onClick=${() => page(all.next)}>${t("timeline.older")}</button>` : null}</div>`;
  }}<//>`;
}

/** Serve this commit from now on: a roll-back, or a step forward by hand. */
const Hold = ({ label, repository, commit, back }) => html`<${Write} write="POST /api/v1/config/pins" label=${t(back ? "config.rollback" : "config.pin")} title=${t("config.pin.title", { label, commit: brief(commit) })} about=${t("config.pin.about")} body=${() => ({ label, repository, commit })}
  command=${(v) => `wellspring config pin ${brief(commit)} --label ${word(label)} --reason ${word(v.reason || "…")}`} said=${() => t("config.pin.done", { label, commit: brief(commit) })} />`;

const Pin = ({ label }) => html`<${Write} write="POST /api/v1/config/pins" label=${t("config.pin")} title=${t("config.pin.any")} about=${t("config.pin.about")} fields=${[{ name: "label", label: t("label.branch"), value: label, optional: true, help: t("config.pin.label.help") }, { name: "commit", label: t("config.commit"), help: t("config.pin.commit.help") }]}
  command=${(v) => `wellspring config pin ${word(v.commit || "COMMIT")}${v.label ? ` --label ${word(v.label)}` : ""} --reason ${word(v.reason || "…")}`} said=${(got) => t("config.pin.done", { label: got.label, commit: brief(got.commit) })} />`;

const Free = ({ pin }) => html`<${Write} write="DELETE /api/v1/config/pins/{label}" at=${{ label: pin.label }} query=${() => ({ repository: pin.repository })} label=${t("config.free")} title=${t("config.free.title", { label: pin.label })} about=${t("config.free.about")}
  command=${(v) => `wellspring config unpin ${word(pin.label)} --reason ${word(v.reason || "…")}`} said=${() => t("config.free.done", { label: pin.label })} />`;

const Held = ({ pin }) => html`<span class="bar"><${State} status="pinned" text=${t("config.held", { commit: brief(pin.commit), actor: pin.actor })} title=${pin.reason} /><${Free} pin=${pin} /></span>`;

function Diff({ application, profile, label, from, to: until }) {
  const ready = application && from;
  const data = useData(ready ? path("/config/diff", {}, { application, profile, from, to: until || label }) : null, { topics: ["config"] });
  return html`<div class="fields"><label class="field"><span>${t("config.from")}</span><input value=${from} placeholder="main~1" onChange=${(e) => amend({ from: e.currentTarget.value.trim() })} /></label><label class="field"><span>${t("config.to")}</span><input value=${until} placeholder=${t("config.label.hint")} onChange=${(e) => amend({ to: e.currentTarget.value.trim() })} /></label></div>
    ${ready ? html`<${Loaded} from=${data} need="config-server">${(all) => html`<p class="bar">${t("config.diff.of", { from: brief(all.from), to: brief(all.to) })}<span class="count" role="status">${t("config.diff.count", { n: all.items.length })}</span></p>
      <section class="card"><${Table} label=${t("config.diff")} empty=${t("config.diff.none")} columns=${[[t("key")], [t("config.change")], [t("config.before")], [t("config.after")], [t("config.origin"), "wide"]]} rows=${all.items.map((one) => html`<tr key=${one.key}><td class="key mono">${one.key}</td><td>${t(`change.${one.kind}`)}</td>
        <td class=${`key mono ${one.from ? "minus" : ""}`}>${worth(one.from)}</td><td class=${`key mono ${one.to ? "plus" : ""}`}>${worth(one.to)}</td><td class="mono wide">${one.to?.origin ?? one.from?.origin ?? "–"}</td></tr>`)} /></section>`}<//>` : html`<p class="empty">${t("config.diff.choose")}</p>`}`;
}

const worth = (one) => (one ? (one.secret ? t("config.secret") : shown(one.value)) : "–");

function Repositories() {
  const data = useData("/config/repositories", { topics: ["config"], every: 15000 });
  return html`<${Loaded} from=${data} need="config-server">${({ items }) => {
    const reds = items.flatMap((one) => [ofRepository(one), ...one.rejected.map((rejected) => ofRejected(one, rejected))]).filter(Boolean);
    return html`${reds.map(({ key, ...red }) => html`<${Red} key=${key} ...${red} />`)}<section class="card"><${Table} label=${t("config.repositories")} empty=${t("config.repositories.none")} columns=${[[t("config.repository")], [t("state")], [t("config.fetched")], [t("config.size"), "right"]]} rows=${items.map((one) => html`<tr key=${one.uri}><td class="key mono">${one.uri}</td>
      <td><${State} status=${one.failingSince ? "stale" : one.rejected.length ? "rejected" : "ok"} text=${one.failingSince ? t("config.stale") : one.rejected.length ? t("config.has.refused") : t("config.fresh")} /></td><td><${Ago} at=${one.lastFetch} /></td><td class="right">${bytes(one.bytes)}</td></tr>`)} /></section>`;
  }}<//>`;
}

function Pins() {
  const data = useData("/config/pins", { topics: ["config", "admin"] });
  return html`<${Loaded} from=${data} need="config-server">${({ items }) => html`<section class="card"><${Table} label=${t("config.pins")} empty=${t("config.pins.none")} columns=${[[t("label.branch")], [t("config.commit")], [t("config.by")], [t("write.reason")], [t("config.when")], [t("config.kept"), "wide"], [t("acts"), "right"]]} rows=${items.map((one) => html`<tr key=${one.repository + one.label}><td>${one.label}</td><td class="mono">${brief(one.commit)}</td><td>${one.actor}</td><td class="key">${one.reason ?? "–"}</td><td><${Ago} at=${one.at} /></td>
    <td class="wide">${t(one.persistent ? "config.kept.yes" : "config.kept.no")}</td><td class="acts-cell"><${Free} pin=${one} /></td></tr>`)} /></section>`}<//>`;
}

const Encrypt = () => html`<${Write} write="POST /api/v1/config/encrypt" label=${t("config.encrypt")} title=${t("config.encrypt.title")} about=${t("config.encrypt.about")} reason=${false} fields=${[{ name: "value", label: t("value"), type: "password", autocomplete: "off" }]}
  command=${() => "wellspring config encrypt"} said=${() => t("config.encrypt.done")} show=${({ value }) => html`<p>${t("config.encrypt.use")}</p><pre class="code" tabindex="0">${value}</pre><${Copy} text=${value} />`} />`;

const Decrypt = () => html`<${Write} write="POST /api/v1/config/decrypt" label=${t("config.decrypt")} title=${t("config.decrypt.title")} about=${t("config.decrypt.about")} role="admin" fields=${[{ name: "value", label: t("config.cipher"), autocomplete: "off" }]}
  command=${() => "wellspring config decrypt"} said=${() => t("config.decrypt.done")} show=${({ value }) => html`<pre class="code" tabindex="0">${value}</pre>`} />`;
