// The frame around every page: head with search, menu, the page, messages, keys.
import { html, useEffect, useErrorBoundary, useState } from "./vendor/preact.js";
import { useCell } from "./cell.js";
import { call, session } from "./api.js";
import { live } from "./live.js";
import { GROUPS, KEYS, address, find, load, under } from "./pages.js";
import { here } from "./router.js";
import { Search } from "./search.js";
import { Keys, help } from "./keys.js";
import { Login } from "./login.js";
import { chooseTheme, theme } from "./theme.js";
import { Failure, State } from "./ui.js";
import { Done } from "./write.js";
import { LANGUAGES, language, speak, t } from "./words.js";

export function Shell() {
  useCell(language);
  const who = useCell(session);
  const { path } = useCell(here);
  const [menu, open] = useState(false);
  const [name, rest] = find(path);
  useEffect(() => { if (who) live.start(); }, [who]);
  useEffect(() => { open(false); }, [path.join("/")]);
  if (!who || (path[0] ?? "").startsWith("key=")) return html`<${Login} /><${Done} />`;
  return html`<a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById("main").focus(); }}>${t("skip")}</a>
    <header class="top"><button type="button" class="quiet menu" aria-expanded=${String(menu)} aria-controls="menu" onClick=${() => open(!menu)}>${t("menu")}</button>
      <a class="brand" href="#/" aria-label="Wellspring"><img src="console/icon.svg" alt="" width="22" height="22" /><span>Wellspring</span></a>
      <${Search} /><${Tools} who=${who} /></header>
    <nav id="menu" class=${menu ? "open" : ""} aria-label=${t("menu")}>${GROUPS.map(([group, names]) => html`<div key=${group}><h2>${t(`group.${group}`)}</h2><ul>${names.map((one) => html`<li key=${one}>
      <a href=${address(one)} aria-current=${under(name) === one ? "page" : undefined}><span>${t(`page.${one}`)}</span><kbd aria-hidden="true">g ${Object.keys(KEYS).find((key) => KEYS[key] === one)}</kbd></a></li>`)}</ul></div>`)}</nav>
    <main id="main" tabindex="-1"><${Body} key=${name + rest.join("/")} name=${name} rest=${rest} /></main>
    <${Done} /><${Keys} />`;
}

function Tools({ who }) {
  const state = useCell(live.state);
  const shown = useCell(theme);
  const leave = async () => { await call("DELETE", "/session").catch(() => {}); session.value = null; };
  return html`<div class="tools"><span class="live" data-live=${state}><${State} status=${state === "on" ? "live" : "UNKNOWN"} text=${t(`live.${state}`)} title=${t(`live.${state}.means`)} /></span>
    <select class="plain wide" aria-label=${t("theme")} value=${shown} onChange=${(e) => chooseTheme(e.currentTarget.value)}>${["auto", "light", "dark"].map((one) => html`<option value=${one} key=${one}>${t(`theme.${one}`)}</option>`)}</select>
    <select class="plain wide" aria-label=${t("language")} value=${language.value} onChange=${(e) => speak(e.currentTarget.value)}>${Object.entries(LANGUAGES).map(([one, text]) => html`<option value=${one} key=${one}>${text}</option>`)}</select>
    <button type="button" class="quiet" aria-label=${t("keys")} onClick=${() => { help.value = true; }}>?</button>
    <span class="who wide" title=${t("who.title", { role: who.role })}>${who.actor} <span class="soft">${who.role}</span></span>
    ${who.open ? null : html`<button type="button" class="quiet wide" data-write="DELETE /api/v1/session" onClick=${leave}>${t("logout")}</button>`}</div>`;
}

function Body({ name, rest }) {
  const [drawn, set] = useState(null);
  const [broken] = useErrorBoundary((error) => console.error(error));
  useEffect(() => {
    let over = false;
    scrollTo(0, 0);
    if (!name) { set({ default: Lost }); return undefined; }
    const arrives = (tries) => load(name).then((page) => { if (!over) set(page); }, (error) => {
      if (over) return;
      if (tries < 5) setTimeout(() => arrives(tries + 1), 400 * (tries + 1));
      else set({ default: () => html`<${Failure} error=${error} />` });
    });
    arrives(0);
    return () => { over = true; };
  }, [name]);
  // Those who read by ear, or move by keys, start at the new page's top.
  useEffect(() => { if (drawn && document.activeElement?.closest("nav,main,body") && !document.querySelector("dialog[open]") && document.activeElement.tagName !== "INPUT") document.getElementById("main").focus({ preventScroll: true }); }, [drawn]);
  if (broken) return html`<${Failure} error=${broken} what=${t("broken")} />`;
  return drawn ? html`<${drawn.default} at=${rest} />` : html`<p class="empty" role="status">${t("loading")}</p>`;
}

function Lost() {
  const { path } = useCell(here);
  return html`<h1>${t("lost")}</h1><p>${t("lost.text", { path: path.join("/") })} <a href="#/">${t("page.overview")}</a></p>`;
}
