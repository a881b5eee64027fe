// Events as lines.
import { html } from "./vendor/preact.js";
import { moment } from "./format.js";
import { to } from "./router.js";
import { t } from "./words.js";

/** What happened, without saying again to whom. */
export const told = (one) => {
  const name = one.subject.split("/").pop();
  const text = one.text || one.kind;
  return text.startsWith(`${name} `) ? text.slice(name.length + 1) : text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text;
};

export function Events({ items, chosen }) {
  if (!items.length) return html`<p class="empty">${t("events.none")}</p>`;
  return html`<ul class="events">${items.map((one) => html`<li key=${one.id} aria-current=${one.id === chosen ? "true" : undefined}><a class="when" href=${to(["timeline"], { event: one.id })}>${moment(one.at)}</a><span><span class="tag">${one.topic}</span></span>
    <span class="what"><strong>${one.subject}</strong> ${told(one)}${one.actor ? html` <span class="soft">(${one.actor})</span>` : null}</span></li>`)}</ul>`;
}
