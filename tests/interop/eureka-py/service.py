"""A service in Python, registered by py-eureka-client, that does as it is told on its standard input.

    service.py REGISTRY NAME [fetch]      REGISTRY as in http://127.0.0.1:8761/eureka/

Prints {"port": N} once it is registered, then one JSON line per command line:

    call OTHER /path    the body of OTHER's answer, found by name; null when there is none
    status S            sets a status override        lift    takes it back
    register            registers again               stop    leaves the registry and ends

One client per process: the library's heartbeat thread outlives its stop() and would bring the instance back.
"""
import asyncio
import http.server
import json
import logging
import sys
import threading

from py_eureka_client import eureka_client


class Hello(http.server.BaseHTTPRequestHandler):
    """Tells who answered and what was asked."""

    def do_GET(self):
        body = json.dumps({"service": sys.argv[2], "path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def say(value):
    print(json.dumps(value), flush=True)


async def obey(client, words):
    match words:
        case ["call", other, path]:
            try:
                return await client.do_service(other, path, return_type="json")
            except Exception:  # the library raises whatever urllib raised
                return None
        case ["status", value]:
            await client.status_update(value)
        case ["lift"]:
            await client.delete_status_override()
        case ["register"]:
            await client.register()
        case ["stop"]:
            await client.stop()
        case _:
            raise ValueError(words)
    return True


async def main(registry, name, *options):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = eureka_client.EurekaClient(
        eureka_server=registry, app_name=name, instance_id=f"{name}-1", instance_host="127.0.0.1", instance_ip="127.0.0.1",
        instance_port=server.server_address[1], renewal_interval_in_secs=1, duration_in_secs=5,
        metadata={"language": "python"}, should_discover="fetch" in options)
    await client.start()
    say({"port": server.server_address[1]})
    while line := await asyncio.to_thread(sys.stdin.readline):
        words = line.split()
        say(await obey(client, words))
        if words == ["stop"]:
            return


logging.disable(logging.CRITICAL)
asyncio.run(main(*sys.argv[1:]))
