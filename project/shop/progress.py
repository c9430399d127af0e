"""A progress bar for people at a terminal; a line now and then for everybody else."""

from __future__ import annotations

from django.core.management.base import OutputWrapper

WIDTH = 32


class Progress:
    """Draws how much of `total` is done."""

    def __init__(self, label: str, *, total: int, out: OutputWrapper) -> None:
        self._label = label
        self._total = max(total, 1)
        self._out = out
        self._lively = out.isatty()
        self._told = -1

    def show(self, done: int) -> None:
        """Draw `done`; off a terminal only every fifth of the way."""
        percent = min(100 * done // self._total, 100)
        step = percent if self._lively else percent - percent % 20
        if step == self._told:
            return
        self._told = step
        filled = WIDTH * percent // 100
        bar = "█" * filled + "░" * (WIDTH - filled)
        line = f"{self._label} {bar} {percent:3} %"
        self._out.write(
            f"\r{line}" if self._lively else f"{self._label} {percent:3} %\n", ending=""
        )
        self._out.flush()

    def finish(self) -> None:
        if self._lively:
            self._out.write("\n")
            self._out.flush()
