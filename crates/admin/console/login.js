// The door: name and password, a token, or the one-time key of the first start (`#key=…`).
import { html, useState } from "./vendor/preact.js";
import { call, session } from "./api.js";
import { here } from "./router.js";
import { useCell } from "./cell.js";
import { Failure } from "./ui.js";
import { Field } from "./write.js";
import { t } from "./words.js";

export function Login() {
  const { path } = useCell(here);
  const key = (path[0] ?? "").startsWith("key=") ? path[0].slice(4) : "";
  const [way, choose] = useState("password");
  const [values, set] = useState({ name: "", password: "", token: "" });
  const [error, fail] = useState(null);
  const put = (name) => (value) => set((all) => ({ ...all, [name]: value }));
  const enter = async (event) => {
    event.preventDefault();
    fail(null);
    const { name, password, token } = values;
    try {
      await call("POST", "/session", key ? { key, name, password } : way === "token" ? { token } : { name, password });
      await session.begin();
      // A key must not stay in the address.
      if (session.value) location.hash = "#/";
    } catch (refused) { fail(refused); }
  };
  return html`<main class="door" id="main"><img src="console/icon.svg" alt="" width="44" height="44" /><h1>${key ? t("login.first") : t("login")}</h1>
    <p class="sub">${key ? t("login.first.text") : t("login.text")}</p>
    <form onSubmit=${enter} data-write="POST /api/v1/session">
      ${way === "token" && !key ? html`<${Field} field=${{ name: "token", label: t("login.token"), type: "password", autocomplete: "off" }} value=${values.token} change=${put("token")} />`
    : html`<${Field} field=${{ name: "name", label: t("login.name"), autocomplete: "username" }} value=${values.name} change=${put("name")} /><${Field} field=${{ name: "password", label: t("login.password"), type: "password", autocomplete: key ? "new-password" : "current-password", help: key ? t("login.password.help") : undefined }} value=${values.password} change=${put("password")} />`}
      <${Failure} error=${error} what=${t("login.refused")} />
      <div class="acts">${key ? null : html`<button type="button" class="quiet" onClick=${() => choose(way === "token" ? "password" : "token")}>${way === "token" ? t("login.with.password") : t("login.with.token")}</button>`}<button type="submit" class="main">${key ? t("login.first.do") : t("login.do")}</button></div></form>
    <p class="same"><span>${t("same")}</span> <code>wellspring login</code></p></main>`;
}
