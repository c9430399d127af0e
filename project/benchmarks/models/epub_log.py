"""The log of a publication site, 2003 to 2008, and what its documents are about.

`epub.dat` has one line for each view: session;document. `epub.time` has one line for each
visit: session;time, in the same order. A few sessions came twice: they are one visit.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from personalization.ml.interactions import Catalogue, Interactions, interactions_of
from personalization.types import Microseconds
from project.benchmarks.models.data import data

KIND = "Article Viewed"
#: Columns of info.csv, whose head names fewer than there are: title, keywords in English and
#: in any language, abstract. And authors and series, which a site would have as tags.
TEXTS, TAGS = (3, 4, 5, 8), (1, 6)


@dataclass(frozen=True, kw_only=True)
class Log:
    interactions: Interactions
    catalogue: Catalogue


@dataclass(frozen=True, kw_only=True)
class _Told:
    item: str
    text: str
    tags: tuple[str, ...]


def instant(*, year: int, month: int = 1) -> Microseconds:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1_000_000


def read_log() -> Log:
    """Return all views, and a catalogue of the documents that were viewed or are described.

    :raises MissingData: naming the file that is not there.
    """
    rows = list(_rows())
    told = {each.item: each for each in _told()}
    items = tuple(sorted({row[2] for row in rows} | told.keys()))
    catalogue = Catalogue(
        items=items,
        texts=tuple(told[item].text if item in told else "" for item in items),
        tags=tuple(told[item].tags if item in told else () for item in items),
    )
    return Log(interactions=interactions_of(rows), catalogue=catalogue)


def _rows() -> Iterator[tuple[int, int, str, str, float, Microseconds]]:
    number: dict[str, int] = {}
    visits = groupby(_pairs(data("epub/epub.dat")), key=lambda pair: pair[0])
    for (session, viewed), (_, text) in zip(visits, _pairs(data("epub/epub.time")), strict=True):
        at = datetime.strptime(text, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
        visit = number.setdefault(session, len(number))
        for _, document in viewed:
            yield (
                visit,
                visit,
                document,
                KIND,
                float("nan"),
                int(at.timestamp()) * 1_000_000,
            )


def _pairs(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(first, second) for first, _, second in (line.partition(";") for line in lines)]


def _told() -> Iterator[_Told]:
    with data("epub/info.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter=";")
        next(rows)
        for row in rows:
            tags = [each.strip() for place in TAGS for each in re.split("[;/]", row[place])]
            yield _Told(
                item=row[0],
                text=" ".join(row[place] for place in TEXTS),
                tags=tuple(filter(None, tags)),
            )
