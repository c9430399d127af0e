"""A command that does its work once, or again and again until it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from personalization.exceptions import BufferUnavailable


class LoopCommand(BaseCommand):
    """`--loop` is for sites that run no Celery: the command then is the worker."""

    #: Called with `now`; returns how much was done.
    work: Callable[..., int]
    done: ClassVar[str]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true", help="Go on until stopped.")
        parser.add_argument(
            "--pause", type=float, default=0.5, help="Seconds between two rounds (default 0.5)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        try:
            while True:
                total += self._round(looping=options["loop"])
                if not options["loop"]:
                    break
                close_old_connections()
                time.sleep(options["pause"])
        except KeyboardInterrupt:
            self.stderr.write("Stopped.")
        self.stdout.write(self.done % total)

    def _round(self, *, looping: bool) -> int:
        try:
            return self.work(now=timezone.now())
        except (OperationalError, InterfaceError, BufferUnavailable) as error:
            # A deadlock, or a server that restarts: nothing is lost, the next round does it.
            if not looping:
                raise
            self.stderr.write(f"A server failed, the next round tries again: {error}")
            return 0
