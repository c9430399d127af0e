"""The web server of the site that is killed, on the port that is its argument."""

from __future__ import annotations

import sys

import django
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer

from project.benchmarks.server import Handler


def main() -> None:
    django.setup()
    server = ThreadedWSGIServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.set_app(WSGIHandler())
    server.serve_forever()


if __name__ == "__main__":
    main()
