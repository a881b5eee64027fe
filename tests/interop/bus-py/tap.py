"""Listens on the bus's exchange and publishes to it, through the Python client of RabbitMQ.

    tap.py AMQP_URL EXCHANGE

Prints {"ready": true}, then one line per message on the exchange:

    {"key": routing key, "properties": {those that are set}, "body": text}

and publishes each line {"body": text, "type": content type or null, "key": routing key} read from standard input.
"""
import json
import sys
import threading

import pika

url, exchange = sys.argv[1:]
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.exchange_declare(exchange, exchange_type="topic", durable=True)
tap = channel.queue_declare("", exclusive=True).method.queue
channel.queue_bind(tap, exchange, "#")


def show(_channel, method, properties, body):
    fields = {name: value for name, value in vars(properties).items() if value is not None}
    print(json.dumps({"key": method.routing_key, "properties": fields, "body": body.decode("utf-8", "replace")}, default=str),
          flush=True)


def read():
    for line in sys.stdin:
        connection.add_callback_threadsafe(lambda line=line: publish(json.loads(line)))
    connection.add_callback_threadsafe(channel.stop_consuming)


def publish(order):
    properties = pika.BasicProperties(content_type=order.get("type"))
    channel.basic_publish(exchange, order.get("key", exchange), order["body"].encode(), properties)


channel.basic_consume(tap, show, auto_ack=True)
threading.Thread(target=read, daemon=True).start()
print(json.dumps({"ready": True}), flush=True)
channel.start_consuming()
