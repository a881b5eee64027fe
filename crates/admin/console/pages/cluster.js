// The registry's cluster: peers, self-preservation with its arithmetic, storage, listeners.
import { html } from "../vendor/preact.js";
import { get, useData } from "../api.js";
import { Ago, Card, Facts, Figure, Loaded, Page, Red, State, Table } from "../ui.js";
import { bytes, count, millis, word } from "../format.js";
import { ofPeer, ofPreservation } from "../problems.js";
import { t } from "../words.js";
import { Write } from "../write.js";

const because = ({ reason }) => ` --reason ${word(reason || "…")}`;

export default function Cluster() {
  const data = useData("/cluster", { topics: ["registry", "health", "admin"], every: 5000 });
  return html`<${Page} title=${t("page.cluster")} sub=${t("cluster.sub")} same="wellspring cluster" acts=${html`<${Resync} /><${Write} write="POST /api/v1/cluster/accept" label=${t("cluster.accept")} title=${t("cluster.accept.title")} about=${t("cluster.accept.about")} danger command=${(v) => `wellspring cluster accept${because(v)}`} said=${() => t("cluster.accepted")} />`}>
    <${Loaded} from=${data} need="registry">${(all) => html`<${Stand} all=${all} />`}<//><//>`;
}

const Resync = ({ peer }) => html`<${Write} write="POST /api/v1/cluster/resync" label=${t("cluster.resync")} title=${peer ? t("cluster.resync.one", { peer }) : t("cluster.resync.all")} about=${t("cluster.resync.about")} body=${() => (peer ? { peer } : {})} command=${(v) => `wellspring cluster resync${peer ? ` ${word(peer)}` : ""}${because(v)}`} said=${() => t("cluster.resynced")} />`;

function Stand({ all }) {
  const kept = all.selfPreservation ?? {};
  const peers = all.peers ?? [];
  const { key, ...red } = ofPreservation(all) ?? {};
  return html`${red.title ? html`<${Red} ...${red} />` : null}${peers.map(ofPeer).filter(Boolean).map(({ key: id, ...one }) => html`<${Red} key=${id} ...${one} />`)}
    <div class="figures"><${Figure} label=${t("cluster.preservation")} value=${html`<${State} status=${kept.active ? "warn" : kept.enabled === false ? "DISABLED" : "ok"} text=${t(kept.active ? "cluster.active" : kept.enabled === false ? "cluster.off" : "cluster.watching")} />`} note=${t("cluster.preservation.note")} /><${Figure} label=${t("cluster.last")} value=${count(kept.lastMinute)} note=${t("cluster.last.note")} /><${Figure} label=${t("cluster.threshold")} value=${count(kept.threshold)} note=${t("cluster.threshold.note", { expected: count(kept.expected) })} /><${Figure} label=${t("cluster.peers")} value=${peers.length} note=${t("cluster.peers.note")} /></div>
    ${kept.explanation ? html`<${Card} title=${t("cluster.why")} id="why"><p class="pad">${kept.explanation}</p>${kept.overdue?.length ? html`<p class="pad tags"><span>${t("cluster.overdue")}</span> ${kept.overdue.map((id) => html`<code class="tag" key=${id}>${id}</code>`)}</p>` : null}<//>` : null}
    <${Card} title=${t("cluster.peers")} id="peers"><${Table} label=${t("cluster.peers")} empty=${t("cluster.alone")} columns=${[[t("address")], [t("state")], [t("cluster.queue"), "right"], [t("cluster.lag"), "right"], [t("cluster.error")], [t("cluster.digest"), "wide"], [t("acts"), "right"]]} rows=${peers.map((one) => html`<tr key=${one.url}><td class="mono key">${one.url}</td><td><${State} status=${one.state} /></td><td class="right">${count(one.queue)}</td><td class="right">${millis(one.lagMs)}</td><td class="key">${one.lastError ?? "–"}</td><td class="wide"><${State} status=${one.sameKind ? one.digest : "UNKNOWN"} text=${one.sameKind ? one.digest : t("cluster.other.kind")} /> ${one.comparedAt ? html`<${Ago} at=${one.comparedAt} />` : null}</td><td class="acts-cell"><${Resync} peer=${one.url} /></td></tr>`)} /><//>
    <div class="grid"><${Card} title=${t("cluster.storage")} id="storage"><div class="pad"><${Facts} items=${[[t("cluster.directory"), all.storage.directory ? html`<code>${all.storage.directory}</code>` : t("cluster.memory")], [t("config.size"), all.storage.directory ? bytes(all.storage.bytes) : null], [t("cluster.written"), all.storage.writtenAt ? html`<${Ago} at=${all.storage.writtenAt} />` : null]]} /></div><//><${Card} title=${t("cluster.listeners")} id="listeners"><div class="pad"><${Facts} items=${all.listeners.map((one) => [one.daemon, html`<code>${one.address}</code>`])} /></div><//></div>`;
}
