"""A server in the manner of gunicorn with --preload: a parent that forks, a worker that is told
to stop. Run as a module, with the settings of the acceptance tests.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType

import django

django.setup()

from tests.delivery.showing import decision, show  # noqa: E402


def stop(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    show(decision("variation:1", slot="before-the-fork"))
    worker = os.fork()
    signal.signal(signal.SIGTERM, stop)
    if not worker:
        show(decision("variation:1", slot="in-the-worker"))
        sys.stdout.write(f"shown {os.getpid()}\n")
        sys.stdout.flush()
        while True:
            time.sleep(60)
    os.waitpid(worker, 0)
    show(decision("variation:1", slot="after-the-fork"))


if __name__ == "__main__":
    main()
