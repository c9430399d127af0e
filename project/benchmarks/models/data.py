"""Where the facts are that models are measured against; none of them is in this repository."""

from __future__ import annotations

import os
from pathlib import Path


class MissingData(Exception):
    """Facts that a protocol needs are not there."""


def folder() -> Path:
    """Return where they are: beside the repository, unless PERSONALIZATION_DATA says where."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "data"
    return Path(os.environ.get("PERSONALIZATION_DATA") or beside)


def data(name: str) -> Path:
    """Return the path of a file, such as “epub/info.csv”.

    :raises MissingData: naming the file, and how to say where it is.
    """
    path = folder() / name
    if not path.is_file():
        raise MissingData(f"{path} is not there; PERSONALIZATION_DATA may name another folder.")
    return path
