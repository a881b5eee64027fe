// A service in Node without a library: it registers in the registry by Eureka's REST interface, renews its lease, and leaves when it is stopped.
import { createServer } from "node:http";

const port = Number(process.env.PORT ?? 9002);
const registry = process.env.EUREKA_CLIENT_SERVICEURL_DEFAULTZONE ?? "http://localhost:8761/eureka/";
const id = `localhost:payments:${port}`;
const instance = {
  instanceId: id, app: "PAYMENTS", vipAddress: "payments", hostName: "localhost", ipAddr: "127.0.0.1", status: "UP",
  port: { $: port, "@enabled": "true" },
  dataCenterInfo: { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", name: "MyOwn" },
  leaseInfo: { renewalIntervalInSecs: 5, durationInSecs: 15 },
};

const ask = (method, path, body) =>
  fetch(new URL(path, registry), { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) });
const register = () => ask("POST", "apps/PAYMENTS", { instance });

const paid = new Map();
const server = createServer((request, response) => {
  const order = request.url.match(/^\/payments\/(\d+)$/)?.[1];
  if (!order) return response.writeHead(404).end();
  // The same order is paid once, however often somebody tries again.
  if (request.method === "PUT" && !paid.has(order)) paid.set(order, new Date().toISOString());
  const at = paid.get(order) ?? null;
  response.writeHead(at ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify({ order: Number(order), paid: at !== null }));
});

server.listen(port, "127.0.0.1", register);
// A registry that has forgotten us answers 404: we tell it again.
const heartbeat = setInterval(async () => {
  const renewed = await ask("PUT", `apps/PAYMENTS/${id}`).catch(() => null);
  if (renewed?.status === 404) await register().catch(() => null);
}, 5000);

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, async () => {
    clearInterval(heartbeat);
    await ask("DELETE", `apps/PAYMENTS/${id}`).catch(() => null);
    server.close(() => process.exit());
    server.closeIdleConnections();
  });
}
