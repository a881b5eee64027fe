// The pages: where they are, which keys lead there, which file draws them.
export const GROUPS = [
  ["platform", ["overview", "topology", "timeline", "cluster"]],
  ["discovery", ["services"]],
  ["configuration", ["config", "drift", "bus"]],
  ["traffic", ["routes", "lab", "resilience"]],
  ["people", ["access"]],
];

/** Pressed after `g`. */
export const KEYS = {
  o: "overview", s: "services", p: "topology", t: "timeline", k: "cluster", c: "config", d: "drift", b: "bus",
  r: "routes", l: "lab", e: "resilience", a: "access",
};

const FILES = {
  overview: () => import("./pages/overview.js"),
  services: () => import("./pages/services.js"),
  service: () => import("./pages/service.js"),
  instance: () => import("./pages/instance.js"),
  topology: () => import("./pages/topology.js"),
  config: () => import("./pages/config.js"),
  drift: () => import("./pages/drift.js"),
  routes: () => import("./pages/routes.js"),
  route: () => import("./pages/route.js"),
  lab: () => import("./pages/lab.js"),
  bus: () => import("./pages/bus.js"),
  resilience: () => import("./pages/resilience.js"),
  timeline: () => import("./pages/timeline.js"),
  cluster: () => import("./pages/cluster.js"),
  access: () => import("./pages/access.js"),
};

/** @param {string[]} path @returns {[string, string[]]} the page's name and what stands behind it */
export function find(path) {
  const [name = "overview", ...rest] = path;
  if (name === "services" && rest.length === 1) return ["service", rest];
  if (name === "services" && rest.length === 2) return ["instance", rest];
  if (name === "routes" && rest.length === 1) return ["route", rest];
  return name in FILES && rest.length === 0 && name !== "service" && name !== "instance" && name !== "route" ? [name, rest] : ["", path];
}

/** The entry of the menu that a page belongs to. */
export const under = (name) => ({ service: "services", instance: "services", route: "routes" })[name] ?? name;
export const load = (name) => FILES[name]();
export const address = (name) => (name === "overview" ? "#/" : `#/${name}`);
