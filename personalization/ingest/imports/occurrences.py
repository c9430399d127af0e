"""Message ids for events that state none: by what they say, and how often it was said.

The same file read twice gives the same ids, so each of its events is stored once; the
same line twice in one file gives two, because it happened twice.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

PREFIX = "import-"


class Occurrences:
    """Counts what has stood in one file until now.

    In a temporary file of SQLite, which it makes and removes by itself: memory stays the
    same however long the file is that is imported.
    """

    def __init__(self) -> None:
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute("PRAGMA cache_size = -16384")  # KiB
        self._seen.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, n INT) WITHOUT ROWID")

    def close(self) -> None:
        self._seen.close()

    def identified(self, calls: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the calls, each with a message id: its own, or one derived from it."""
        self._seen.execute("BEGIN")
        found = [self._with_id(call) for call in calls]
        self._seen.execute("COMMIT")
        return found

    def _with_id(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        if call.get("messageId"):
            return call
        try:
            return {**call, "messageId": self._derived(call)}
        except RecursionError:  # nested so deeply that it is refused for it
            return call

    def _derived(self, call: Mapping[str, Any]) -> str:
        digest = _digest(call)
        (n,) = self._seen.execute(
            "INSERT INTO seen VALUES (?, 1)"
            " ON CONFLICT (digest) DO UPDATE SET n = n + 1 RETURNING n",
            [digest],
        ).fetchone()
        return f"{PREFIX}{digest.hex()}" + (f"-{n}" if n > 1 else "")


def _digest(call: Mapping[str, Any]) -> bytes:
    text = json.dumps(call, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=20).digest()
