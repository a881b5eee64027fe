// One stream per tab. The browser resumes it with Last-Event-ID; `reset` means that something was missed for good, and
// every page loads anew.
import { cell } from "./cell.js";

const TOPICS = ["registry", "config", "routes", "bus", "breakers", "health", "daemon", "admin"];
const listening = new Set();
let source = null;
let last = "";
let retry = 0;

function tell(topic, event) {
  for (const one of [...listening]) {
    if (topic === null || one.topics.includes(topic) || one.topics.includes("*")) one.heard(event);
  }
}

function open() {
  if (source) return;
  source = new EventSource(`api/v1/stream${last ? `?last=${encodeURIComponent(last)}` : ""}`);
  source.onopen = () => {
    // What happened while the connection was away is sent again; what no event tells of is not.
    if (live.state.value === "lost") tell(null, null);
    live.state.value = "on";
  };
  source.onerror = () => {
    live.state.value = "lost";
    if (source?.readyState === EventSource.CLOSED) {
      source = null;
      clearTimeout(retry);
      retry = setTimeout(open, 3000);
    }
  };
  for (const topic of TOPICS) {
    source.addEventListener(topic, (message) => {
      last = message.lastEventId;
      tell(topic, JSON.parse(message.data));
    });
  }
  source.addEventListener("reset", () => { last = ""; tell(null, null); });
}

export const live = {
  /** on, lost, or off before the first page asks. */
  state: cell("off"),
  /** @param {string[]} topics `*` for all @param {(event: any) => void} heard with null: load anew */
  listen(topics, heard) {
    const one = { topics, heard };
    listening.add(one);
    return () => listening.delete(one);
  },
  start: open,
};
addEventListener("pagehide", () => { source?.close(); source = null; });
addEventListener("pageshow", (event) => { if (event.persisted) open(); });
