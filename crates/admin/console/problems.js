// What is not as it should be, from everything that knows: each with its meaning, since when, whom it touches, what to do, and
// the command that does it.
import { brief, clock, word } from "./format.js";
import { to } from "./router.js";
import { has, t } from "./words.js";

/** A problem of a daemon's health, or one that the server explains itself. */
function ofDaemon(one) {
  const known = has(`health.${one.component}.means`) ? one.component : "other";
  const detail = one.details && typeof one.details === "object" ? one.details.error ?? one.details.message ?? one.details.reason : one.details;
  return {
    key: `daemon ${one.daemon} ${one.component}`, level: one.status === "DOWN" ? "bad" : "warn", since: one.since,
    title: t("problem.health", { daemon: one.daemon, component: one.component, status: one.status }),
    what: [one.description, typeof detail === "string" ? detail : detail && JSON.stringify(detail)].filter(Boolean).join(" – "),
    means: t(`health.${known}.means`), affects: one.affects?.length ? one.affects.join(", ") : one.daemon,
    todo: one.hint ?? t(`health.${known}.todo`), command: one.command ?? `wellspring check`, page: one.page?.replace(/^\//, ""),
  };
}

/** A service with instances that are not UP. */
export function ofService(service) {
  const ill = service.instances.filter((one) => one.status !== "UP");
  if (!ill.length) return null;
  const drained = ill.every((one) => one.status === "OUT_OF_SERVICE");
  const since = Math.max(...ill.map((one) => one.statusSince ?? one.renewedAt ?? 0)) || undefined;
  const none = service.up === 0;
  return {
    key: `service ${service.name}`, level: drained && !none ? "warn" : "bad", since,
    title: t(none ? "problem.service.none" : "problem.service", { name: service.name, n: ill.length, total: service.total }),
    what: ill.slice(0, 4).map((one) => `${one.id} ${one.status}`).join(", ") + (ill.length > 4 ? " …" : ""),
    means: t(none ? "problem.service.none.means" : drained ? "problem.service.drained.means" : "problem.service.means"),
    affects: none ? t("problem.service.none.affects", { name: service.name }) : t("problem.service.affects", { name: service.name, up: service.up }),
    todo: t(drained ? "problem.service.drained.todo" : "problem.service.todo"),
    command: drained ? `wellspring undrain ${word(service.name)} ${word(ill[0].id)}` : `wellspring instances ${word(service.name)}`,
    page: to(["services", service.name, ...(ill.length === 1 ? [ill[0].id] : [])]),
  };
}

export function ofRejected(repository, rejected) {
  return {
    key: `rejected ${repository.uri} ${rejected.label}`, level: "bad", since: rejected.at,
    title: t("problem.rejected", { label: rejected.label, commit: brief(rejected.commit) }), what: rejected.problems.join("\n"),
    means: t("problem.rejected.means", { serving: brief(rejected.serving) }), affects: t("problem.rejected.affects", { label: rejected.label }),
    todo: t("problem.rejected.todo"), command: `wellspring config history --label ${word(rejected.label)}`, page: to(["config"], { view: "history", label: rejected.label }),
  };
}

export function ofRepository(repository) {
  return repository.failingSince ? {
    key: `stale ${repository.uri}`, level: "warn", since: repository.failingSince,
    title: t("problem.stale", { uri: repository.uri }), what: repository.error,
    means: repository.lastFetch ? t("problem.stale.means", { at: clock(repository.lastFetch) }) : t("problem.stale.never"), affects: t("problem.stale.affects"),
    todo: t("problem.stale.todo"), command: "wellspring check", page: to(["config"], { view: "repositories" }),
  } : null;
}

function ofDrift(drift) {
  const behind = drift.items.filter((one) => one.state === "behind");
  const names = [...new Set(behind.map((one) => one.application))];
  const since = Math.min(...behind.map((one) => one.fetchedAt ?? Infinity));
  return behind.length ? {
    key: "drift", level: "warn", since: Number.isFinite(since) ? since : undefined, title: t("problem.drift", { n: behind.length }),
    what: behind.slice(0, 3).map((one) => `${one.instance ?? one.address ?? one.application}: ${brief(one.version)} → ${brief(one.served)}`).join("\n"),
    means: t("problem.drift.means"), affects: names.join(", "), todo: t("problem.drift.todo"),
    command: `wellspring config drift`, page: to(["drift"], { state: "behind" }),
  } : null;
}

export function ofRoutes(table) {
  return table.refused ? {
    key: `routes ${table.daemon}`, level: "bad", since: table.refused.since, title: t("problem.routes", { daemon: table.daemon }),
    what: table.refused.problems?.length ? table.refused.problems.join("\n") : table.refused.problem,
    means: t("problem.routes.means", { revision: table.revision }), affects: t("problem.routes.affects"), todo: t("problem.routes.todo"),
    command: "wellspring validate application.yml", page: to(["routes"]),
  } : null;
}

export function ofBreaker(one) {
  if (!["OPEN", "FORCED_OPEN", "HALF_OPEN"].includes(one.state)) return null;
  const forced = one.state === "FORCED_OPEN";
  const rate = one.failureRate >= 0 ? `${Math.round(one.failureRate)} %` : "–";
  return {
    key: `breaker ${one.daemon} ${one.name}`, level: one.state === "OPEN" ? "bad" : "warn", since: one.since,
    title: t("problem.breaker", { name: one.name, state: one.state }),
    what: forced ? [one.setBy, one.reason].filter(Boolean).join(": ") : t("problem.breaker.what", { failed: one.failed, buffered: one.buffered, rate, refused: one.notPermitted }),
    means: t(forced ? "problem.breaker.forced.means" : one.state === "OPEN" ? (one.nextProbe ? "problem.breaker.means" : "problem.breaker.wait.means") : "problem.breaker.half.means", { probe: one.nextProbe ? clock(one.nextProbe) : "–" }),
    affects: one.routes?.length ? t("problem.breaker.routes", { routes: one.routes.join(", ") }) : one.daemon,
    todo: t(forced ? "problem.breaker.forced.todo" : "problem.breaker.todo"), command: forced ? `wellspring breaker close ${word(one.name)}` : "wellspring breaker list",
    page: to(["resilience"]),
  };
}

function ofEjected(one) {
  return {
    key: `ejected ${one.service} ${one.instance}`, level: "warn", since: undefined, title: t("problem.ejected", { instance: one.instance, service: one.service }),
    what: one.address, means: t("problem.ejected.means", { until: one.until ? clock(one.until) : "–" }), affects: one.service, todo: t("problem.ejected.todo"),
    command: `wellspring instances ${word(one.service)}`, page: to(["services", one.service, one.instance]),
  };
}

export function ofPreservation(cluster) {
  const kept = cluster.selfPreservation;
  // While nobody is late it keeps nobody.
  return kept?.active && kept.overdue?.length !== 0 ? {
    key: "preservation", level: "warn", since: undefined, title: t("problem.preservation"), what: kept.explanation,
    means: t("problem.preservation.means", { got: kept.lastMinute, threshold: kept.threshold }), affects: t("problem.preservation.affects"),
    todo: t("problem.preservation.todo"), command: "wellspring cluster accept --reason '…'", page: to(["cluster"]),
  } : null;
}

export function ofPeer(peer) {
  return peer.state && !["UP", "ok", "connected", "reachable"].includes(peer.state) ? {
    key: `peer ${peer.url}`, level: "bad", since: peer.lastErrorAt, title: t("problem.peer", { url: peer.url, state: peer.state }), what: peer.lastError,
    means: t("problem.peer.means"), affects: t("problem.peer.affects"), todo: t("problem.peer.todo"), command: "wellspring cluster", page: to(["cluster"]),
  } : null;
}

export function ofBus(bus) {
  if (!bus.connected) {
    return { key: "bus", level: "bad", since: bus.since, title: t("problem.bus", { transport: bus.transport }), what: bus.problem, means: t("problem.bus.means"),
      affects: t("problem.bus.affects"), todo: t("problem.bus.todo"), command: "wellspring bus acks", page: to(["bus"]) };
  }
  const silent = bus.items.find((one) => one.silent.length > 0);
  return silent ? {
    key: `silent ${silent.id}`, level: "warn", since: silent.at, title: t("problem.silent", { n: silent.silent.length, expected: silent.expected }), what: silent.silent.join(", "),
    means: t("problem.silent.means"), affects: silent.silent.join(", "), todo: t("problem.silent.todo"), command: `wellspring bus acks ${silent.id} --resend`, page: to(["bus"], { id: silent.id }),
  } : null;
}

/** Whether an operator took out all that are not UP, and others are left: meant so, no problem. */
const meant = (service) => service.up > 0 && service.instances.every((one) => one.status === "UP" || one.overridden === one.status);

/** Everything, the worst and the oldest first. Parts that are not there say nothing; what is known in detail is said in detail. */
export function gather({ overview, services, repositories, drift, routes, resilience, cluster, bus }) {
  const known = { service: services, routes, breaker: resilience, commit: repositories, repository: repositories, configuration: drift, peer: cluster, "self-preservation": cluster };
  const found = [
    ...(overview?.problems ?? []).filter((one) => !known[one.component.split(" ")[0]]).map(ofDaemon),
    ...(services?.items ?? []).filter((one) => !meant(one)).map(ofService),
    ...(repositories?.items ?? []).flatMap((one) => [ofRepository(one), ...one.rejected.map((rejected) => ofRejected(one, rejected))]),
    drift ? ofDrift(drift) : null, routes ? ofRoutes(routes) : null,
    ...(resilience?.breakers ?? []).map(ofBreaker), ...(resilience?.ejected ?? []).map(ofEjected),
    ...(cluster ? [ofPreservation(cluster), ...(cluster.peers ?? []).map(ofPeer)] : []), bus ? ofBus(bus) : null,
  ].filter(Boolean);
  const rank = { bad: 0, warn: 1, idle: 2 };
  const seen = new Map(found.map((one) => [one.key, one]));
  return [...seen.values()].sort((a, b) => rank[a.level] - rank[b.level] || (a.since ?? 0) - (b.since ?? 0));
}
