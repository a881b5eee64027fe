// Everything that happened, newest first: by topic, words, actor, application, time; as a file.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, path, useData } from "../api.js";
import { useCell } from "../cell.js";
import { told } from "../events.js";
import { Card, Facts, Failure, Filter, Loaded, Moment, Page } from "../ui.js";
import { shown, word } from "../format.js";
import { amend, here, to } from "../router.js";
import { t } from "../words.js";

const TOPICS = ["registry", "config", "routes", "bus", "breakers", "health", "daemon", "admin"];
/** Rows of a page. */
const LIMIT = 200;

const local = (ms) => { const d = new Date(Number(ms)); return ms ? new Date(d - d.getTimezoneOffset() * 60000).toISOString().slice(0, 16) : ""; };

export default function Timeline() {
  const { query } = useCell(here);
  const wanted = Object.fromEntries(["topics", "q", "actor", "application", "from", "to"].map((name) => [name, query.get(name) ?? ""]));
  const chosen = query.get("event");
  const command = ["wellspring events", wanted.topics && `--topics ${wanted.topics}`, wanted.q && `--q ${word(wanted.q)}`, wanted.actor && `--actor ${word(wanted.actor)}`, wanted.application && `--application ${word(wanted.application)}`].filter(Boolean).join(" ");
  const file = path("/events", {}, { ...wanted, limit: 1000, format: "ndjson" });
  return html`<${Page} title=${t("page.timeline")} sub=${t("timeline.sub")} same=${command} acts=${html`<a class="export" href=${`api/v1${file}`} download="events.ndjson">${t("timeline.export")}</a>`}>
    <div class="bar"><${Filter} label=${t("timeline.filter")} /><${Filter} name="actor" label=${t("timeline.actor")} /><${Filter} name="application" label=${t("application")} /></div>
    <div class="bar"><${Topics} chosen=${wanted.topics} />${["from", "to"].map((name) => html`<label key=${name} class="bar"><span class="soft">${t(`timeline.${name}`)}</span><input type="datetime-local" value=${local(wanted[name])} onChange=${(e) => amend({ [name]: e.currentTarget.value ? new Date(e.currentTarget.value).getTime() : "" })} /></label>`)}</div>
    ${chosen ? html`<${One} id=${chosen} />` : null}
    <${Listed} wanted=${wanted} /><//>`;
}

function Topics({ chosen }) {
  const on = new Set(chosen.split(",").filter(Boolean));
  const flip = (name) => { const next = new Set(on); if (next.has(name)) next.delete(name); else next.add(name); amend({ topics: TOPICS.filter((one) => next.has(one)).join(",") }); };
  return html`<div class="choice" role="group" aria-label=${t("timeline.topics")}>${TOPICS.map((name) => html`<button type="button" key=${name} aria-pressed=${String(on.has(name))} onClick=${() => flip(name)}>${t(`topic.${name}`)}</button>`)}</div>`;
}

function One({ id }) {
  const data = useData(path("/events/{id}", { id }));
  return html`<${Card} title=${t("timeline.one", { id })} id="one" acts=${html`<button type="button" class="quiet" onClick=${() => amend({ event: "" })}>${t("close")}</button>`}><div class="pad"><${Loaded} from=${data}>${(one) => html`<${Facts} items=${[[t("time"), html`<${Moment} at=${one.at} />`], [t("timeline.topic"), `${one.topic} · ${one.kind}`], [t("daemon"), one.daemon], [t("timeline.subject"), one.subject], [t("timeline.text"), one.text], [t("timeline.actor"), one.actor], [t("write.reason"), one.data?.reason],
    [t("timeline.data"), one.data ? html`<pre class="code" tabindex="0" aria-label=${t("timeline.data")}>${JSON.stringify(one.data, null, 2)}</pre>` : null]]} />`}<//></div><//>`;
}

function Listed({ wanted }) {
  const source = path("/events", {}, { ...wanted, limit: LIMIT });
  const data = useData(source, { topics: ["*"] });
  const [older, add] = useState({ source, items: [], next: undefined });
  const [error, fail] = useState(null);
  useEffect(() => { add({ source, items: [], next: undefined }); }, [source]);
  const more = async (cursor) => {
    try {
      const page = await get(path("/events", {}, { ...wanted, limit: LIMIT, cursor }));
      add((all) => ({ source, items: [...all.items, ...page.items], next: page.next }));
    } catch (refused) { fail(refused); }
  };
  return html`<${Loaded} from=${data}>${(first) => {
    const next = older.items.length ? older.next : first.next;
    const ids = new Set(first.items.map((one) => one.id));
    const items = [...first.items, ...older.items.filter((one) => !ids.has(one.id))];
    return html`<section class="card" aria-label=${t("page.timeline")}><ul class="events">${items.map((one) => html`<li key=${one.id}><a class="when" href=${to(["timeline"], { ...wanted, event: one.id })}><${Moment} at=${one.at} /></a><span><span class="tag">${t(`topic.${one.topic}`)}</span></span>
      <span class="what"><strong>${one.subject}</strong> ${told(one)}${one.actor ? html` <span class="soft">${t("timeline.by", { actor: one.actor })}</span>` : null}</span></li>`)}</ul>${items.length ? null : html`<p class="empty">${t("events.none")}</p>`}</section>
      <${Failure} error=${error} /><div class="bar">${next ? html`<button type="button" onClick=${() => more(next)}>${t("timeline.older")}</button>` : null}<span class="count" role="status" data-count>${t("timeline.count", { n: items.length })}</span></div>`;
  }}<//>`;
}
