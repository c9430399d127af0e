"""Hears all that is logged, by whomever and however quietly, as a log file might keep it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_FORMAT = logging.Formatter("%(name)s %(levelname)s %(message)s")
#: What Python itself puts into every record.
_USUAL = frozenset(vars(logging.makeLogRecord({})))


class Ear(logging.Handler):
    """Keeps each record as text: the message, the traceback, and what came along as `extra`."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(_FORMAT)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        extra = {name: value for name, value in vars(record).items() if name not in _USUAL}
        self.heard.append(f"{self.format(record)} {record.args!r} {extra!r}")

    def with_any_of(self, secrets: frozenset[str]) -> list[str]:
        """Return the records that tell one of the secrets."""
        return [text for text in self.heard if any(secret in text for secret in secrets)]


@contextmanager
def listening() -> Iterator[Ear]:
    """Hear every logger there is, also one that is kept quiet or to itself by settings."""
    ear, root = Ear(), logging.getLogger()
    known = [one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [(one, one.level, one.propagate, one.disabled) for one in (root, *known)]
    for one in (root, *known):
        one.setLevel(logging.DEBUG)
        one.propagate, one.disabled = True, False
    root.addHandler(ear)
    try:
        yield ear
    finally:
        root.removeHandler(ear)
        for one, level, propagate, disabled in before:
            one.setLevel(level)
            one.propagate, one.disabled = propagate, disabled
