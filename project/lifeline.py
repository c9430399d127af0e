"""Run a module that ends when the process that started it ends, however that happens.

    python -m project.lifeline celery -A project worker

The starter holds the writing end of the standard input and never writes. When it goes
away, even by SIGKILL, the input closes and the whole process group is told to stop.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE = 8.0


def watch() -> None:
    """Wait for the standard input to close, then stop this process group."""
    while os.read(0, 1024):
        pass
    os.killpg(os.getpgrp(), signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
