"""Open a file to import: as it is or gzipped, or what is piped in."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from personalization.exceptions import UnreadableFile

STANDARD_INPUT = "-"
_GZIP = b"\x1f\x8b"
_SAMPLE = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class OpenFile:
    """`stream` gives its lines; `size` is its length on the disk in bytes, 0 if nobody knows.

    `fingerprint` tells it from other files and from its own later versions; what is piped
    in has none, and cannot be gone on with where it was left.
    """

    name: str
    stream: IO[bytes]
    size: int = 0
    fingerprint: str = ""
    on_disk: IO[bytes] | None = None

    def read(self) -> int:
        """Return how many of the `size` bytes were read."""
        return self.on_disk.tell() if self.on_disk else 0


@contextmanager
def open_file(path: str) -> Iterator[OpenFile]:
    """Open the file at `path`, standard input for “-”; gzip is told by its first bytes.

    :raises UnreadableFile: when it is not there or may not be read.
    """
    if path == STANDARD_INPUT:
        piped = cast(io.BufferedReader, sys.stdin.buffer)
        yield OpenFile(name="standard input", stream=_unzipped(piped))
        return
    with _opened(path) as on_disk:
        status = os.fstat(on_disk.fileno())
        name = Path(path).name
        if not stat.S_ISREG(status.st_mode):  # a pipe that has a name
            yield OpenFile(name=name, stream=_unzipped(on_disk))
            return
        yield OpenFile(
            name=name,
            fingerprint=_fingerprint(on_disk, status),
            stream=_unzipped(on_disk),
            size=status.st_size,
            on_disk=on_disk,
        )


def _opened(path: str) -> io.BufferedReader:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise UnreadableFile(f"“{path}” cannot be read: {error.strerror}.") from None


def _unzipped(stream: io.BufferedReader) -> IO[bytes]:
    if stream.peek(len(_GZIP)).startswith(_GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream, mode="rb"))
    return stream


def _fingerprint(file: IO[bytes], status: os.stat_result) -> str:
    """Return what changes when the file does: it is not read as a whole for that."""
    digest = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns} ".encode())
    digest.update(file.read(_SAMPLE))
    file.seek(max(status.st_size - _SAMPLE, 0))
    digest.update(file.read(_SAMPLE))
    file.seek(0)
    return digest.hexdigest()
