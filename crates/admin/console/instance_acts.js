// What can be done to an instance.
import { html } from "./vendor/preact.js";
import { word } from "./format.js";
import { t } from "./words.js";
import { Write } from "./write.js";

const place = (name, one) => `${word(name)} ${word(one.id)}`;
const because = ({ reason }) => ` --reason ${word(reason || "…")}`;

export const drain = (name, one) => html`<${Write} write="POST /api/v1/services/{name}/instances/{id}/drain" at=${{ name, id: one.id }} label=${t("drain")} title=${t("drain.title", { id: one.id })} about=${t("drain.about")}
  fields=${[{ name: "minutes", label: t("drain.minutes"), type: "number", min: 1, optional: true, help: t("drain.minutes.help") }]}
  command=${(v) => `wellspring drain ${place(name, one)}${v.minutes ? ` --minutes ${v.minutes}` : ""}${because(v)}`} said=${() => t("drain.done", { id: one.id })} />`;

export const undrain = (name, one) => html`<${Write} write="POST /api/v1/services/{name}/instances/{id}/undrain" at=${{ name, id: one.id }} label=${t("undrain")} title=${t("undrain.title", { id: one.id })} about=${t("undrain.about")}
  command=${(v) => `wellspring undrain ${place(name, one)}${because(v)}`} said=${() => t("undrain.done", { id: one.id })} />`;

export const remove = (name, one) => html`<${Write} write="DELETE /api/v1/services/{name}/instances/{id}" at=${{ name, id: one.id }} label=${t("remove")} title=${t("remove.title", { id: one.id })} about=${t("remove.about")} danger
  command=${(v) => `wellspring remove ${place(name, one)}${because(v)}`} said=${() => t("remove.done", { id: one.id })} />`;

export const label = (name, one) => html`<${Write} write="POST /api/v1/services/{name}/instances/{id}/metadata" at=${{ name, id: one.id }} label=${t("label")} title=${t("label.title", { id: one.id })} about=${t("label.about")}
  fields=${[{ name: "key", label: t("key") }, { name: "value", label: t("value") }]}
  command=${(v) => `wellspring label ${place(name, one)} ${word(`${v.key || "KEY"}=${v.value || "VALUE"}`)}${because(v)}`} said=${(_, v) => t("label.done", { key: v.key, value: v.value })} />`;
