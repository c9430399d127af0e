"""The visit log of a publication site: who viewed which document when.

`epub.dat` has one line for each view: session;document. `epub.time` has one line for
each visit: session;time, in the same order. So the n-th run of equal sessions in the
first file is the visit of the n-th line of the second; a few sessions came twice.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

#: Beside the repository, unless PERSONALIZATION_DATA names another folder.
DATA = Path(os.environ.get("PERSONALIZATION_DATA", Path(__file__).parents[3] / "shared" / "data"))
FOLDER = DATA / "epub"


@dataclass(frozen=True)
class View:
    session: str
    document: str
    at: datetime


def missing() -> str:
    """Return why the log cannot be read, or an empty string."""
    if all((FOLDER / name).is_file() for name in ("epub.dat", "epub.time")):
        return ""
    return f"the log of the publication site is not in {FOLDER} (PERSONALIZATION_DATA may name it)"


def read_views() -> list[View]:
    """Return every view of a document, in the order of the log."""
    visits = groupby(_pairs("epub.dat"), key=lambda pair: pair[0])
    times = _pairs("epub.time")
    views = []
    for (session, viewed), (timed, text) in zip(visits, times, strict=True):
        assert session == timed, f"{session} stands beside the time of {timed}"
        at = datetime.strptime(text, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
        views += [View(session, document, at) for _, document in viewed]
    return views


def _pairs(name: str) -> list[tuple[str, str]]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [(session, value) for session, _, value in (line.partition(";") for line in lines)]
