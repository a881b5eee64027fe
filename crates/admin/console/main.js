// Starts the console: language, theme, session, then the shell. A file that does not arrive – the daemon starts anew, the
// network changes – is asked for again.
const TRIES = "wellspring.tries";

async function start() {
  const [{ html, render }, { load }, { session }, { Shell }, { applyTheme }] = await Promise.all([
    import("./vendor/preact.js"), import("./words.js"), import("./api.js"), import("./shell.js"), import("./theme.js"),
  ]);
  applyTheme();
  await Promise.all([load(), session.begin()]);
  render(html`<${Shell} />`, document.getElementById("app"));
  sessionStorage.removeItem(TRIES);
}

start().catch((error) => {
  const tries = Number(sessionStorage.getItem(TRIES) ?? 0);
  sessionStorage.setItem(TRIES, String(tries + 1));
  if (tries < 20) setTimeout(() => location.reload(), Math.min(5000, 400 * (tries + 1)));
  else document.getElementById("app").textContent = `The console could not be loaded: ${error.message}`;
});
