"""How far an import has come: a bar for people at a terminal, a line now and then else."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.core.management.base import OutputWrapper

WIDTH = 30
#: Seconds between two drawings on a terminal.
PAUSE = 0.1
#: Off a terminal: every how many percent there is a line, or every how many events.
STEP, EVENTS = 10, 100_000


class Progress:
    """Draws how many of `size` bytes were read and how many events were in them.

    `size` 0 means that nobody knows. `start` is where the file was left the last time:
    rate and time left are of what has been read since.
    """

    def __init__(
        self, out: OutputWrapper, *, size: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out, self._size, self._clock = out, size, clock
        self._lively = out.isatty()
        self._began = self._drawn = clock()
        self._told = self._start = 0

    def start(self, done: int) -> None:
        """Note that what was read until now, `done` bytes, was imported before."""
        self._start = done
        self._began = self._clock()

    def show(self, done: int, *, events: int) -> None:
        """Draw it, if it is time to; `events` are those of this run."""
        if self._lively:
            if self._clock() - self._drawn < PAUSE:
                return
            self._drawn = self._clock()
            self._write(f"\r{self._bar(done)}{self._words(done, events)}\x1b[K")
        elif (step := self._step(done, events)) > self._told:
            self._told = step
            self._write(f"{self._words(done, events)}\n")

    def finish(self, *, events: int) -> str:
        """End the bar; return how long it took and how fast it was."""
        if self._lively:
            self._write("\r\x1b[K")
        seconds = self._clock() - self._began
        return f"{duration(seconds)}, {self._rate(events):,.0f} events a second"

    def _bar(self, done: int) -> str:
        if not self._size:
            return ""
        filled = min(WIDTH * done // self._size, WIDTH)
        return "█" * filled + "░" * (WIDTH - filled) + " "

    def _words(self, done: int, events: int) -> str:
        parts = [f"{events:,} events", f"{self._rate(events):,.0f} a second"]
        if self._size:
            parts.insert(0, f"{min(100 * done // self._size, 100)} %")
            if (left := self._left(done)) is not None:
                parts.append(f"{duration(left)} left")
        return ", ".join(parts)

    def _step(self, done: int, events: int) -> int:
        return 100 * done // self._size // STEP if self._size else events // EVENTS

    def _rate(self, events: int) -> float:
        return events / max(self._clock() - self._began, 0.001)

    def _left(self, done: int) -> float | None:
        read = done - self._start
        if read <= 0:
            return None
        return (self._clock() - self._began) * max(self._size - done, 0) / read

    def _write(self, text: str) -> None:
        self._out.write(text, style_func=str, ending="")  # no error, and no end of a line
        self._out.flush()


def duration(seconds: float) -> str:
    """Return a length of time in words, no more exact than anybody asks."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
