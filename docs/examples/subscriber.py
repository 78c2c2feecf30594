"""Keeps every event of the stream once, and erases whom LeafLoaf says: docs/streams.md.

python subscriber.py PROJECT SUBSCRIPTION events.sqlite
"""

import json
import sqlite3
import sys

from google.api_core.exceptions import DeadlineExceeded
from google.cloud import pubsub_v1

TABLES = """
    CREATE TABLE IF NOT EXISTS event (event_id TEXT PRIMARY KEY, user_id, session_id, timestamp, document);
    CREATE TABLE IF NOT EXISTS erased (event_id TEXT PRIMARY KEY, user_id, session_ids, before, document);
"""
ERASE = """
    DELETE FROM event WHERE EXISTS (
        SELECT 1 FROM erased
        WHERE (event.user_id = erased.user_id
               OR event.user_id IS NULL AND event.session_id IN (SELECT value FROM json_each(erased.session_ids)))
          AND (erased.before IS NULL OR event.timestamp < erased.before)
    )
"""


def take(shelf, data):
    """One message, once or twice, in whatever order: afterwards the shelf is the same."""
    said = json.loads(data)
    if said["event_type"] == "deletion":
        row = said["event_id"], said["user_id"], json.dumps(said["session_ids"]), said["before"], data
        shelf.execute("INSERT OR IGNORE INTO erased VALUES (?, ?, ?, ?, ?)", row)
    else:
        row = said["event_id"], said["user_id"], said["session_id"], said["timestamp"], data
        shelf.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?)", row)
    shelf.execute(ERASE)


def run(project, subscription, path):
    """Takes what is there; ends when nothing came for five seconds."""
    shelf = sqlite3.connect(path)
    shelf.executescript(TABLES)
    with pubsub_v1.SubscriberClient() as client:
        asked = client.subscription_path(project, subscription)
        while True:
            try:
                found = client.pull(subscription=asked, max_messages=500, timeout=5, retry=None)
            except DeadlineExceeded:
                return
            if not found.received_messages:
                return
            with shelf:  # one transaction, and only then are they acknowledged
                for received in found.received_messages:
                    take(shelf, received.message.data.decode())
            ack_ids = [received.ack_id for received in found.received_messages]
            client.acknowledge(subscription=asked, ack_ids=ack_ids)


if __name__ == "__main__":
    run(*sys.argv[1:])
