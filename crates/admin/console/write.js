// Every change: a button that says what it will do, asks for a reason, shows the command, and names the event afterwards.
import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { cell, useCell } from "./cell.js";
import { call, path, session } from "./api.js";
import { to } from "./router.js";
import { Copy, Failure } from "./ui.js";
import { t } from "./words.js";

/** What was done last, told to whoever listens. */
export const done = cell(/** @type {any} */ (null));

/**
 * @param {object} props
 * @param {string} props.write `METHOD /api/v1/path/{of}/it`, as in openapi.json
 * @param {Record<string, string>} [props.at] what stands in the path's braces
 * @param {{name: string, label: string, type?: string, value?: any, options?: any[], optional?: boolean, help?: string, rows?: number}[]} [props.fields]
 * @param {(values: any) => any} [props.body] what is sent; the fields without it
 * @param {(values: any) => string} props.command the same in a terminal
 * @param {"operator" | "admin"} [props.role]
 */
export function Write({ write, at = {}, query = () => ({}), fields = [], body, command, label, title, about, danger, quiet, reason = true, role = "operator", said, show, disabled }) {
  const [open, set] = useState(false);
  useCell(session);
  const may = session.may(role);
  return html`<button type="button" data-write=${write} class=${danger ? "danger" : quiet ? "quiet" : ""} disabled=${!may || disabled} title=${may ? undefined : t("write.role", { role })}
      onClick=${() => set(true)}>${label}</button>
    ${open ? html`<${Dialog} ...${{ write, at, query, fields, body, command, title: title ?? label, about, danger, label, said, reason, show }} close=${() => set(false)} />` : null}`;
}

function Dialog({ write, at, query, fields, body, command, title, about, danger, label, said, reason, show, close }) {
  const ref = useRef(null);
  const asked = reason ? [...fields, { name: "reason", label: t("write.reason"), help: t("write.reason.help") }] : fields;
  const [values, set] = useState(() => Object.fromEntries(asked.map((field) => [field.name, field.value ?? ""])));
  const [error, fail] = useState(null);
  const [busy, work] = useState(false);
  const [answer, answered] = useState(null);
  useEffect(() => { ref.current.showModal(); }, []);
  const submit = async (event) => {
    event.preventDefault();
    const [method, template] = write.split(" ");
    const sent = Object.fromEntries(asked.map((field) => [field.name, value(field, values[field.name])]).filter(([, one]) => one !== undefined));
    const whole = { ...(body ? body(values) : sent), ...(reason ? { reason: values.reason.trim() } : {}) };
    work(true);
    fail(null);
    try {
      const below = template.replace("/api/v1", "");
      const got = method === "DELETE"
        ? await call(method, path(below, at, { ...query(values), ...(reason ? { reason: values.reason.trim() } : {}) }))
        : await call(method, path(below, at, query(values)), whole);
      done.value = { text: said ? said(got, values) : title, event: got?.event };
      if (show) answered(got);
      else ref.current?.close();
    } catch (refused) { fail(refused); }
    work(false);
  };
  return html`<dialog ref=${ref} onClose=${close} aria-labelledby="write-title"><form method="dialog" onSubmit=${submit} data-write=${write}>
    <h2 id="write-title">${title}</h2>${about ? html`<p class="sub">${about}</p>` : null}
    ${answer ? html`<div class="answer" role="status">${show(answer)}</div><div class="acts"><button type="button" class="main" onClick=${() => ref.current.close()}>${t("close")}</button></div>` : html`
    ${asked.map((field) => html`<${Field} key=${field.name} field=${field} value=${values[field.name]} change=${(one) => set((all) => ({ ...all, [field.name]: one }))} />`)}
    <${Failure} error=${error} what=${t("write.refused")} />
    <p class="same in"><span>${t("same")}</span> <code>${command(values)}</code> <${Copy} text=${command(values)} /></p>
    <div class="acts"><button type="button" class="quiet" onClick=${() => ref.current.close()}>${t("cancel")}</button>
      <button type="submit" class=${danger ? "danger main" : "main"} disabled=${busy}>${busy ? t("write.busy") : label}</button></div>`}
  </form></dialog>`;
}

function value(field, text) {
  if (text === "" && field.optional) return undefined;
  if (field.type === "number") return Number(text);
  if (field.type === "checks") return [...text];
  if (field.type === "check") return Boolean(text);
  return typeof text === "string" && field.type !== "area" && field.type !== "password" ? text.trim() : text;
}

export function Field({ field, value: now, change }) {
  const id = `field-${field.name}`;
  const common = { id, name: field.name, required: !field.optional, "aria-describedby": field.help ? `${id}-help` : undefined };
  const input = field.type === "select"
    ? html`<select ...${common} value=${now} onChange=${(e) => change(e.currentTarget.value)}>${field.options.map(([one, text]) => html`<option value=${one} key=${one} selected=${one === now}>${text}</option>`)}</select>`
    : field.type === "area"
      ? html`<textarea ...${common} rows=${field.rows ?? 8} spellcheck=${false} onInput=${(e) => change(e.currentTarget.value)} value=${now}></textarea>`
      : html`<input ...${common} type=${field.type ?? "text"} min=${field.min} step=${field.step} list=${field.list} autocomplete=${field.autocomplete ?? "off"} value=${now} onInput=${(e) => change(e.currentTarget.value)} />`;
  return html`<div class="field"><label for=${id}>${field.label}${field.optional ? html` <span class="soft">${t("optional")}</span>` : null}</label>${input}${field.help ? html`<p class="help" id=${`${id}-help`}>${field.help}</p>` : null}</div>`;
}

/** Says what was done, and where it is written down. */
export function Done() {
  const last = useCell(done);
  useEffect(() => {
    if (!last) return undefined;
    const timer = setTimeout(() => { done.value = null; }, 8000);
    return () => clearTimeout(timer);
  }, [last]);
  return html`<div class="done" role="status" aria-live="polite">${last ? html`<p><span aria-hidden="true">✓ </span>${last.text}${last.event ? html` · <a href=${to(["timeline"], { event: last.event })}>${t("write.event", { id: last.event })}</a>` : null}</p>` : null}</div>`;
}
