// Route lab: a described request and what would become of it; other routes tried against recorded requests.
import { html, useState } from "../vendor/preact.js";
import { call } from "../api.js";
import { useCell } from "../cell.js";
import { Card, Choice, Copy, Facts, Failure, Page, Red, State, Table } from "../ui.js";
import { amend, here, to } from "../router.js";
import { Apply } from "../route_acts.js";
import { condition, word } from "../format.js";
import { t } from "../words.js";
import { Field } from "../write.js";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].map((one) => [one, one]);

function headers(text) {
  const all = {};
  for (const line of text.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0) (all[line.slice(0, at).trim()] ??= []).push(line.slice(at + 1).trim());
  }
  return all;
}

export default function Lab() {
  const { query } = useCell(here);
  const [values, set] = useState(() => ({ method: query.get("method") ?? "GET", path: query.get("path") ?? "/", headers: query.get("headers") ?? "", remoteAddress: query.get("from") ?? "", routes: "", requests: "" }));
  const [answer, show] = useState({});
  const [error, fail] = useState(null);
  const [busy, work] = useState("");
  const put = (name) => (value) => set((all) => ({ ...all, [name]: value }));
  const ask = async (kind, body) => {
    work(kind);
    fail(null);
    try { show({ [kind]: await call("POST", `/routes/${kind}`, body) }); } catch (refused) { show({}); fail(refused); }
    work("");
  };
  const trace = (event) => {
    event.preventDefault();
    amend({ method: values.method === "GET" ? "" : values.method, path: values.path, headers: values.headers, from: values.remoteAddress });
    ask("trace", { method: values.method, path: values.path, headers: headers(values.headers), remoteAddress: values.remoteAddress || undefined, routes: values.routes || undefined });
  };
  const field = (name, more) => html`<${Field} field=${{ name, label: t(`lab.${name}`), optional: true, ...more }} value=${values[name]} change=${put(name)} />`;
  const same = `wellspring routes trace ${values.method} ${word(values.path)}${Object.entries(headers(values.headers)).flatMap(([name, all]) => all.map((one) => ` -H ${word(`${name}: ${one}`)}`)).join("")}`;
  return html`<${Page} title=${t("page.lab")} sub=${t("lab.sub")} same=${same} acts=${html`<a href="#/routes">${t("page.routes")}</a>`}>
    <div class="grid"><${Card} title=${t("lab.request")} id="request"><form class="pad reds" onSubmit=${trace} data-write="POST /api/v1/routes/trace"><div class="fields">${field("method", { type: "select", options: METHODS })}${field("path", { optional: false })}${field("remoteAddress", {})}</div>${field("headers", { type: "area", rows: 3, help: t("lab.headers.help") })}
      <div class="acts"><button type="submit" class="main" disabled=${busy === "trace"}>${t("lab.trace")}</button></div></form><//>
    <${Card} title=${t("lab.proposed")} id="proposed"><div class="pad reds">${field("routes", { type: "area", rows: 8, help: t("lab.routes.help") })}<details><summary>${t("lab.own")}</summary>${field("requests", { type: "area", rows: 4, help: t("lab.requests.help") })}</details>
      <div class="acts"><button type="button" data-write="POST /api/v1/routes/replay" disabled=${!values.routes || busy === "replay"} onClick=${() => ask("replay", { routes: values.routes, requests: values.requests || undefined })}>${t("lab.replay")}</button>
        <button type="button" data-write="POST /api/v1/routes/diff" disabled=${!values.routes || busy === "diff"} onClick=${() => ask("diff", { routes: values.routes })}>${t("lab.diff")}</button><${Apply} key=${values.routes} yaml=${values.routes} /></div></div><//></div>
    <${Failure} error=${error} what=${t("lab.refused")} />${answer.trace ? html`<${Trace} of=${answer.trace} />` : null}${answer.replay ? html`<${Replay} of=${answer.replay} />` : null}${answer.diff ? html`<${Difference} of=${answer.diff} />` : null}<//>`;
}

const micros = (n) => (n ? `${(n / 1000).toFixed(2)} ms` : "");

function Trace({ of }) {
  return html`<${Card} title=${of.route ? t("lab.wins", { route: of.route }) : t("lab.none")} id="trace" acts=${html`<span class="soft">${micros(of.micros)}</span>`}><ol class="steps">${of.tried.map((one, n) => html`<li key=${one.id}><span class="soft num">${n + 1}</span><strong>${one.id}</strong><${State} status=${one.matched ? "UP" : "UNKNOWN"} text=${t(one.matched ? "lab.yes" : "lab.no")} />
      <span class="what">${one.matched ? one.conditions.map((each) => condition(each.text)).join(" · ") : (one.failed && condition(one.failed)) ?? t("lab.no.reason")}</span><code class="soft">${one.place ?? ""}</code></li>`)}${of.route ? html`<li><span></span><span class="soft">${t("lab.rest")}</span></li>` : null}</ol><//>
    ${of.filters.length ? html`<${Card} title=${t("lab.filters")} id="steps"><${Table} label=${t("lab.filters")} columns=${[["#", "right"], [t("lab.filter")], [t("lab.changes")], [t("lab.place"), "wide"], [t("time"), "right"]]} rows=${of.filters.map((one, n) => html`<tr key=${n}><td class="right soft">${n + 1}</td><td class="key mono">${one.text || one.name}</td><td class="key">${one.notRun ? html`<${State} status="UNKNOWN" text=${t("lab.not.run")} />` : one.changes.length ? one.changes.map((each) => html`<div key=${each} class="mono">${each}</div>`) : html`<span class="soft">${t("lab.nothing")}</span>`}</td><td class="wide mono">${one.place ?? "–"}</td><td class="right">${micros(one.micros)}</td></tr>`)} /><//>` : null}
    <${Card} title=${t("lab.end")} id="end"><div class="pad"><${Facts} items=${[[t("lab.ends"), of.endsWith ? html`<${State} status="warn" kind="warn" text=${of.endsWith} />` : null], [t("routes.target"), of.target ? html`<code>${of.target}</code>` : null], [t("instance"), of.instance ? html`<${Place} one=${of.instance} />${of.why ? html` <span class="soft">${of.why}</span>` : null}` : null],
    [t("lab.alternatives"), of.alternatives.length ? of.alternatives.map((one) => html`<div key=${one.id}><${Place} one=${one} /></div>`) : null], [t("lab.sent"), of.sent ? html`<pre class="code" tabindex="0" aria-label=${t("lab.sent")}>${of.sent.method} ${of.sent.path}${"\n"}${Object.entries(of.sent.headers).flatMap(([name, all]) => all.map((one) => `${name}: ${one}`)).join("\n")}</pre>` : null], [t("lab.incomplete"), of.incomplete ? t("lab.incomplete.text") : null]]} /></div><//>`;
}

const Place = ({ one }) => html`<code>${one.address}</code> <span class="soft">${[one.id, one.zone, one.inFlight ? t("lab.in.flight", { n: one.inFlight }) : ""].filter(Boolean).join(" · ")}</span>${one.ejected ? html` <${State} status="ejected" text=${t("ejected")} />` : null}`;

const ended = (one) => one.endsWith ?? [one.route, one.target].filter(Boolean).join(" → ") ?? "–";

function Replay({ of }) {
  return html`<${Card} title=${t("lab.replayed", { n: of.requests })} id="replayed"><div class="pad bar"><${State} status="same" text=${t("lab.same", { n: of.same })} /><${State} status=${of.different ? "differs" : "same"} kind=${of.different ? "warn" : "good"} text=${t("lab.different", { n: of.different })} />${of.unread.length ? html`<${State} status="warn" text=${t("lab.unread", { n: of.unread.length })} />` : null}
      <span class="soft">${of.recording?.on ? t("lab.recording", { n: of.recording.requests, of: of.recording.capacity }) : t("lab.recording.off")}</span></div>
    <${Table} label=${t("lab.differences")} empty=${of.requests ? t("lab.all.same") : t("lab.no.requests")} columns=${[[t("lab.example")], [t("lab.times"), "right"], [t("lab.now")], [t("lab.then")]]} rows=${of.differences.map((one, n) => html`<tr key=${n}><td class="key mono">${one.example}</td><td class="right">${one.times}</td><td class="key minus">${ended(one.before)}<div class="mono">${one.before.changes.join("\n")}</div></td><td class="key plus">${ended(one.after)}<div class="mono">${one.after.changes.join("\n")}</div></td></tr>`)} /><//>`;
}

function Difference({ of }) {
  const rows = [...of.removed.map((id) => [id, "removed", []]), ...of.added.map((id) => [id, "added", []]), ...of.changed.map((one) => [one.route, "changed", one.members])];
  return html`<${Card} title=${t("lab.diffed")} id="diffed"><div class="pad">${of.same ? html`<${State} status="same" text=${t("lab.diff.same")} />` : html`${t("lab.diff.count", { n: rows.length })}${of.reordered ? ` ${t("lab.reordered")}` : ""}`}</div>${rows.length ? html`<${Table} label=${t("lab.diffed")} columns=${[[t("route")], [t("config.change")], [t("lab.members")]]} rows=${rows.map(([id, kind, members]) => html`<tr key=${kind + id}><td><strong>${id}</strong></td><td>${t(`change.${kind}`)}</td>
    <td class="key">${members.map((one) => html`<div key=${one.member}>${one.member}: <code class="minus">${JSON.stringify(one.before)}</code> → <code class="plus">${JSON.stringify(one.after)}</code></div>`)}</td></tr>`)} />` : null}<//>`;
}
