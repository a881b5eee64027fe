// What can be done to routes.
import { html } from "./vendor/preact.js";
import { word } from "./format.js";
import { t } from "./words.js";
import { Write } from "./write.js";

/** What ends with the gateway's process is said with it. */
const lasting = (got, text) => (got.kept ? text : `${text} – ${t("routes.not.kept")}`);
const because = ({ reason }) => ` --reason ${word(reason || "…")}`;

export const Switch = ({ one }) => html`<${Write} write="POST /api/v1/routes/{id}/enabled" at=${{ id: one.id }} label=${t(one.enabled ? "routes.disable" : "routes.enable")} title=${t(one.enabled ? "routes.disable.title" : "routes.enable.title", { id: one.id })} about=${t(one.enabled ? "routes.disable.about" : "routes.enable.about")} danger=${one.enabled}
  body=${() => ({ enabled: !one.enabled })} command=${(v) => `wellspring routes ${one.enabled ? "disable" : "enable"} ${word(one.id)}${because(v)}`} said=${(got) => lasting(got, t(one.enabled ? "routes.disabled" : "routes.enabled", { id: one.id }))} />`;

export const Apply = ({ yaml = "" }) => html`<${Write} write="POST /api/v1/routes/apply" label=${t("routes.apply")} title=${t("routes.apply.title")} about=${t("routes.apply.about")} fields=${[{ name: "routes", label: t("routes.yaml"), type: "area", rows: 12, value: yaml, optional: true, help: t("routes.apply.help") }]} body=${(v) => ({ routes: v.routes })}
  command=${(v) => `wellspring routes apply ${v.routes ? "routes.yml" : "--back"}${because(v)}`} said=${(got) => lasting(got, t("routes.applied", { n: got.routes, revision: got.revision }))} />`;
