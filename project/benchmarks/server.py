"""The server of the ingest benchmark: a process of its own, one thread for each connection.

    python -m project.benchmarks.server   (reads where to work as a line of JSON)

It ends when its standard input does, and so when the process that started it ends.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

from project import environment


class Handler(WSGIRequestHandler):
    """Silent, and without the wait for a second packet that small answers run into."""

    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        return


def configure(*, database: str, folder: Path) -> None:
    """Point the settings to the throw-away database, and hints to a queue in `folder`."""
    # Sites that care for speed keep connections; else both sides would mostly connect.
    settings.DATABASES["default"].update(NAME=database, CONN_MAX_AGE=None)
    queue = environment.FOLDER_QUEUE
    settings.CELERY_BROKER_URL = queue
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = environment.broker_options(queue, folder=folder)
    # All clients have one address, and no worker empties the buffer: both limits are looked
    # at with each request, as everywhere, and never reached.
    settings.PERSONALIZATION_ADDRESS_RATE = settings.PERSONALIZATION_BUFFER_LIMIT = 10**9
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.ROOT_URLCONF = "project.benchmarks.urls"
    django.setup()


def end_with_input(server: ThreadedWSGIServer) -> None:
    sys.stdin.read()
    server.shutdown()


def main() -> None:
    task = json.loads(sys.stdin.readline())
    configure(database=task["database"], folder=Path(task["folder"]))
    server = ThreadedWSGIServer(("127.0.0.1", 0), Handler)
    server.set_app(WSGIHandler())
    threading.Thread(target=end_with_input, args=(server,), daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
