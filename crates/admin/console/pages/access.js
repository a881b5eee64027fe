// Who may do what: users, tokens; oneself.
import { html } from "../vendor/preact.js";
import { get, session, useData } from "../api.js";
import { useCell } from "../cell.js";
import { Events } from "../events.js";
import { Ago, Card, Copy, Facts, Loaded, Moment, Page, Red, State, Table } from "../ui.js";
import { word } from "../format.js";
import { t } from "../words.js";
import { Write } from "../write.js";

const ROLES = ["viewer", "operator", "admin"];
const because = ({ reason }) => ` --reason ${word(reason || "…")}`;
const within = ({ applications }) => patterns(applications ?? "").map((one) => ` --application ${word(one)}`).join("");
const patterns = (text) => text.split(/[\s,]+/).filter(Boolean);

export default function Access() {
  const who = useCell(session);
  const admin = session.may("admin");
  return html`<${Page} title=${t("page.access")} sub=${t("access.sub")} same="wellspring user list">
    ${who?.open ? html`<${Red} level="warn" title=${t("access.open")} means=${t("access.open.means")} since=${null} affects=${t("access.open.affects")} todo=${t("access.open.todo")} command="wellspring up --wellspring.admin.access-file=access.json" />` : null}
    <${Card} title=${t("access.you")} id="you"><div class="pad"><${Facts} items=${[[t("login.name"), who?.actor], [t("access.role"), t(`role.${who?.role ?? "viewer"}`)], [t("access.reach"), who?.applications?.length ? who.applications.join(", ") : t("access.everything")]]} /></div><//>
    ${admin ? html`<${Listed} kind="users" /><${Listed} kind="tokens" />` : html`<p class="empty">${t("write.role", { role: "admin" })}</p>`}
    <${Audit} /><//>`;
}

function Audit() {
  const data = useData("/events?topics=admin&limit=15", { topics: ["admin"] });
  return html`<${Card} title=${t("access.audit")} id="audit" acts=${html`<a href="#/timeline?topics=admin">${t("page.timeline")}</a>`}><${Loaded} from=${data}>${({ items }) => html`<${Events} items=${items} />`}<//><//>`;
}

const common = () => [{ name: "name", label: t("login.name") }, { name: "role", label: t("access.role"), type: "select", value: "viewer", options: ROLES.map((role) => [role, t(`role.${role}`)]) }, { name: "applications", label: t("access.reach"), optional: true, help: t("access.reach.help") }];

function Add({ kind, reload }) {
  if (kind === "users") {
    return html`<${Write} write="POST /api/v1/access/users" role="admin" label=${t("access.user.add")} title=${t("access.user.add")} about=${t("access.user.about")} fields=${[...common(), { name: "password", label: t("login.password"), type: "password", autocomplete: "new-password", help: t("login.password.help") }]}
      body=${(v) => ({ name: v.name.trim(), role: v.role, applications: patterns(v.applications), password: v.password })} command=${(v) => `wellspring user add ${word(v.name || "NAME")} --role ${v.role}${within(v)}${because(v)}`} said=${(_, v) => { reload?.(); return t("access.user.added", { name: v.name }); }} />`;
  }
  return html`<${Write} write="POST /api/v1/access/tokens" role="admin" label=${t("access.token.add")} title=${t("access.token.add")} about=${t("access.token.about")} fields=${[...common(), { name: "days", label: t("access.days"), type: "number", min: 1, optional: true, help: t("access.days.help") }]}
    body=${(v) => ({ name: v.name.trim(), role: v.role, applications: patterns(v.applications), days: v.days ? Number(v.days) : undefined })} command=${(v) => `wellspring token add ${word(v.name || "NAME")} --role ${v.role}${within(v)}${v.days ? ` --days ${v.days}` : ""}${because(v)}`} said=${(_, v) => { reload?.(); return t("access.token.added", { name: v.name }); }}
    show=${(got) => html`<p>${t("access.token.once")}</p><pre class="code" tabindex="0" data-secret>${got.token}</pre><${Copy} text=${got.token} />`} />`;
}

function Listed({ kind }) {
  const data = useData(`/access/${kind}`, { topics: ["admin"] });
  const gone = (one) => (kind === "users" ? html`<${Write} write="DELETE /api/v1/access/users/{name}" at=${{ name: one.name }} role="admin" label=${t("remove")} title=${t("access.remove", { name: one.name })} about=${t("access.user.remove.about")} danger command=${(v) => `wellspring user remove ${word(one.name)}${because(v)}`} said=${() => t("access.removed", { name: one.name })} />`
    : html`<${Write} write="DELETE /api/v1/access/tokens/{name}" at=${{ name: one.name }} role="admin" label=${t("access.revoke")} title=${t("access.remove", { name: one.name })} about=${t("access.token.remove.about")} danger command=${(v) => `wellspring token remove ${word(one.name)}${because(v)}`} said=${() => t("access.removed", { name: one.name })} />`);
  return html`<${Card} title=${t(`access.${kind}`)} id=${kind} acts=${html`<${Add} kind=${kind} reload=${data.reload} />`}><${Loaded} from=${data}>${({ items }) => html`<${Table} label=${t(`access.${kind}`)} empty=${t(`access.${kind}.none`)} columns=${[[t("login.name")], [t("access.role")], [t("access.reach")], [t("access.made"), "wide"], [t("access.ends"), "wide"], [t("acts"), "right"]]}
    rows=${items.map((one) => html`<tr key=${one.name}><td><strong>${one.name}</strong></td><td>${t(`role.${one.role}`)}</td><td class="key">${one.applications.length ? one.applications.join(", ") : t("access.everything")}</td><td class="wide"><${Ago} at=${one.createdAt} /> ${one.createdBy ?? ""}</td><td class="wide">${one.expiresAt ? html`<${Moment} at=${one.expiresAt} />` : "–"}</td><td class="acts-cell">${gone(one)}</td></tr>`)} />`}<//><//>`;
}
