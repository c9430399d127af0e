"""Take somebody out of the files of an archive, and look whether they are in one."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

from personalization.conf import settings
from personalization.events.archive import sync_folder
from personalization.profiles.needles import Needles

#: What an archive that is being written, or was not finished, is called.
_UNFINISHED = ".*.part"


def archives() -> Iterator[Path]:
    """Yield the files of the archive that the settings name, in order."""
    folder = settings.EVENT_ARCHIVE
    if folder and Path(folder).is_dir():
        yield from sorted(Path(folder).glob("events-*.jsonl.gz"))


def remove_from_archives(needles: Needles) -> int:
    """Write each file anew that names somebody, without those lines; return how many lines.

    A file is replaced by its successor in one step: killed anywhere, this leaves a whole one.

    :raises OSError: when a file cannot be read or written; `gzip` raises others as well.
    """
    return sum(_remove(path, needles) for path in archives() if _names(path, needles))


def naming_archives(needles: Needles) -> Iterator[str]:
    """Yield the names of the files that name somebody.

    Whoever is writing one may have read the events before they were erased: until it is
    finished, nobody can say what will be in it.
    """
    yield from (path.name for path in archives() if _names(path, needles))
    folder = settings.EVENT_ARCHIVE
    if folder and Path(folder).is_dir():
        yield from (f"unfinished: {path.name}" for path in sorted(Path(folder).glob(_UNFINISHED)))


def _names(path: Path, needles: Needles) -> bool:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return any(needles.found_in(line) for line in lines)


def _remove(path: Path, needles: Needles) -> int:
    successor, removed = path.with_name(f".{path.name}.{os.getpid()}.without"), 0
    try:
        with successor.open("xb") as file:
            os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
            with (
                gzip.open(path, "rt", encoding="utf-8") as lines,
                gzip.open(file, "wt", encoding="utf-8") as kept,
            ):
                for line in lines:
                    if needles.found_in(line):
                        removed += 1
                    else:
                        kept.write(line)
            file.flush()
            os.fsync(file.fileno())
        successor.replace(path)
    finally:
        successor.unlink(missing_ok=True)
    sync_folder(path.parent)
    return removed
