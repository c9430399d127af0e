"""Every protocol there is: importing it registers them.

Prints for each row what we reach, what was published, what was measured before, and what the
most popular items would have reached.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from project.benchmarks.models import (
    clusters,
    diginetica,
    epub,
    ml1m,
    msweb,
    retailrocket,
    serving,
    shoppers,
    stacked,
)
from project.benchmarks.models.data import MissingData
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort, benchmarks

__all__ = [
    "clusters",
    "diginetica",
    "epub",
    "measure",
    "ml1m",
    "msweb",
    "protocols",
    "retailrocket",
    "serving",
    "shoppers",
    "stacked",
]


class UnknownProtocol(Exception):
    """No protocol has this name."""


@benchmarks.register("models")
def measure(effort: Effort) -> Sequence[Row]:
    """Run the protocols that `effort.only` names, or all.

    :raises UnknownProtocol: naming those that there are.
    :raises MissingData: if not one of them finds what it needs; of some, it is said.
    """
    missing = [name for name in effort.only if protocols.get(name) is None]
    if missing:
        there_are = ", ".join(sorted(protocols.names()))
        raise UnknownProtocol(f"There is no protocol “{missing[0]}”. There are: {there_are}.")
    left_out: list[str] = []
    rows = list(_measured(effort, left_out=left_out))
    if left_out and not rows:
        raise MissingData(" ".join(left_out))
    return rows


def _measured(effort: Effort, *, left_out: list[str]) -> Iterator[Row]:
    for name, protocol in protocols.items():
        if effort.only and name not in effort.only:
            continue
        sys.stderr.write(f"{name} …\n")
        try:
            yield from protocol(effort)
        except MissingData as error:
            sys.stderr.write(f"Left out: {name}: {error}\n")
            left_out.append(str(error))
