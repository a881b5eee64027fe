// The bus: what was sent, who has it, who is silent.
import { html } from "../vendor/preact.js";
import { get, path, useData } from "../api.js";
import { useCell } from "../cell.js";
import { Ago, Card, Facts, Figure, Loaded, Moment, Page, Red, State, Table } from "../ui.js";
import { millis, word } from "../format.js";
import { ofBus } from "../problems.js";
import { amend, here, to } from "../router.js";
import { t } from "../words.js";
import { Write } from "../write.js";


export default function Bus() {
  const { query } = useCell(here);
  const id = query.get("id");
  const data = useData("/bus", { topics: ["bus", "admin"], every: 5000 });
  const bus = data.data;
  const whom = () => ({ name: "destination", label: t("bus.to"), optional: true, help: t("bus.to.help") });
  return html`<${Page} title=${t("page.bus")} same=${id ? `wellspring bus acks ${id}` : "wellspring bus acks"} state=${bus ? html`<${State} status=${bus.connected ? "connected" : "DOWN"} text=${t(bus.connected ? "bus.connected" : "bus.down")} />` : null} sub=${bus ? t("bus.sub", { transport: bus.transport, n: bus.members.length }) : null}
    acts=${html`<${Write} write="POST /api/v1/bus/refresh" label=${t("bus.refresh")} title=${t("bus.refresh.title")} about=${t("bus.refresh.about")} fields=${[whom()]} command=${(v) => `wellspring bus send refresh${v.destination ? ` -d ${word(v.destination)}` : ""}`} said=${(got) => t("bus.sent", { n: got.item?.expected ?? "" })} />
      <${Write} write="POST /api/v1/bus/env" label=${t("bus.env")} title=${t("bus.env.title")} about=${t("bus.env.about")} fields=${[{ name: "name", label: t("key") }, { name: "value", label: t("value") }, whom()]} command=${(v) => `wellspring bus send env ${word(`${v.name || "KEY"}=${v.value || "VALUE"}`)}${v.destination ? ` -d ${word(v.destination)}` : ""}`} said=${(got) => t("bus.sent", { n: got.item?.expected ?? "" })} />`}>
    <${Loaded} from=${data} need="bus">${(all) => html`<${Board} bus=${all} id=${id} />`}<//><//>`;
}

const short = (type) => type.replace("RemoteApplicationEvent", "");

const Resend = ({ one }) => html`<${Write} write="POST /api/v1/bus/{id}/resend" at=${{ id: one.id }} label=${t("bus.resend", { n: one.silent.length })} title=${t("bus.resend.title", { n: one.silent.length })} about=${t("bus.resend.about", { who: one.silent.join(", ") })} command=${() => `wellspring bus acks ${one.id} --resend`} said=${(got) => t("bus.resent", { n: got.items?.length ?? 0 })} />`;

function Board({ bus, id }) {
  const { key, ...red } = ofBus(bus) ?? {};
  const last = bus.items[0];
  return html`${red.title ? html`<${Red} ...${red} />` : null}<div class="figures"><${Figure} label=${t("bus.members")} value=${bus.members.length} note=${t("bus.members.note")} /><${Figure} label=${t("bus.last")} value=${last ? `${last.acked}/${last.expected}` : "–"} kind=${last?.silent.length ? "warn" : ""} note=${last ? t("bus.last.note", { type: short(last.type) }) : t("bus.none")} /><${Figure} label=${t("bus.p99")} value=${millis(last?.p99Ms)} note=${t("bus.p99.note")} /></div>
    ${id ? html`<${Event} id=${id} />` : null}
    <section class="card"><${Table} label=${t("bus.events")} empty=${t("bus.none")} columns=${[[t("time")], [t("bus.type")], [t("bus.to")], [t("bus.acked"), "right"], [t("state")], [t("bus.p99"), "right wide"], [t("bus.origin"), "wide"], [t("acts"), "right"]]} rows=${bus.items.map((one) => html`<tr key=${one.id}><td><a href=${to(["bus"], { id: one.id })}><${Moment} at=${one.at} /></a></td><td>${short(one.type)}</td><td class="mono key">${one.destination ?? t("bus.everyone")}</td><td class="right">${one.acked}/${one.expected}</td>
      <td><${State} status=${one.complete ? "acked" : one.silent.length ? "silent" : "waiting"} text=${one.complete ? t("bus.complete") : one.silent.length ? t("bus.silent", { n: one.silent.length }) : t("bus.waiting")} />${one.silent.length ? html`<div class="mono soft">${one.silent.slice(0, 3).join(", ")}</div>` : null}</td><td class="right wide">${millis(one.p99Ms)}</td><td class="wide mono key">${one.origin}</td><td class="acts-cell">${one.silent.length ? html`<${Resend} one=${one} />` : null}</td></tr>`)} /></section>
    <${Card} title=${t("bus.members")} id="members"><${Table} label=${t("bus.members")} empty=${t("bus.members.none")} columns=${[[t("bus.id")], [t("bus.last.ack")]]} rows=${bus.members.map((one) => html`<tr key=${one.id}><td class="mono key">${one.id}</td><td><${Ago} at=${one.lastAck} /></td></tr>`)} /><//>`;
}

function Event({ id }) {
  const data = useData(path("/bus/{id}", { id }), { topics: ["bus"], every: 3000 });
  return html`<${Card} title=${t("bus.event", { id })} id="event" acts=${html`<button type="button" class="quiet" onClick=${() => amend({ id: "" })}>${t("close")}</button>`}><${Loaded} from=${data}>${(one) => html`<div class="pad"><${Facts} items=${[[t("bus.type"), one.type], [t("bus.to"), one.destination ?? t("bus.everyone")], [t("time"), html`<${Moment} at=${one.at} />`], [t("bus.origin"), html`<code>${one.origin}</code>`], [t("bus.acked"), `${one.acked}/${one.expected}`], [t("bus.silent.who"), one.silent.length ? html`<${State} status="silent" text=${one.silent.join(", ")} />` : null], [t("bus.not"), one.notAcknowledging.join(", ")], [t("bus.left"), one.left.join(", ")], [t("bus.resends"), one.resends.map((each) => `${each.to}${each.error ? `: ${each.error}` : ""}`).join(", ")]]} /></div>
    <${Table} label=${t("bus.acks")} empty=${t("bus.acks.none")} columns=${[[t("bus.by")], [t("time")], [t("bus.after"), "right"]]} rows=${one.acks.map((each) => html`<tr key=${each.by}><td class="mono key">${each.by}</td><td><${Moment} at=${each.at} /></td><td class="right">${millis(each.ms)}</td></tr>`)} />`}<//><//>`;
}
