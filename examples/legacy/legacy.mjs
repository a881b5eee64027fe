// An old server: a path with a query, plain text, slow on some days, and it knows nothing of a registry.
import { createServer } from "node:http";

createServer((request, response) => {
  const url = new URL(request.url, "http://legacy");
  if (url.pathname !== "/cgi-bin/price.pl") return response.writeHead(404).end();
  const send = () => response.writeHead(200, { "content-type": "text/plain" }).end(`${url.searchParams.get("item")};4.20;${request.headers["x-department"]}\n`);
  setTimeout(send, url.searchParams.has("slow") ? 5000 : 0);
}).listen(Number(process.env.PORT ?? 9017), "127.0.0.1");
