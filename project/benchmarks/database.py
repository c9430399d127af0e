"""A database to throw away, on the engine that the settings name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import connection
from django.test.utils import setup_databases, teardown_databases

LONGEST_NAME = 63  # of a PostgreSQL database


@contextmanager
def throwaway_database(*, migrated: bool = False) -> Iterator[str]:
    """Connect to a new, empty database and yield its name; the site's own is not touched.

    Without migrations the tables are made as the models say, in a tenth of the time; only
    with them, events are partitioned.
    """
    with TemporaryDirectory(prefix="benchmark-") as folder:
        before = dict(connection.settings_dict["TEST"])
        connection.settings_dict["TEST"].update(NAME=_name(Path(folder)), MIGRATE=migrated)
        config = setup_databases(
            verbosity=0, interactive=False, aliases={"default": None}, serialized_aliases=set()
        )
        try:
            yield str(connection.settings_dict["NAME"])
        finally:
            teardown_databases(config, verbosity=0)
            connection.settings_dict["TEST"].update(before)


def _name(folder: Path) -> str:
    if connection.vendor == "sqlite":
        # A file, as a site has it; in memory it would be faster than it is.
        return str(folder / "benchmark.sqlite3")
    name = Path(str(connection.settings_dict["NAME"])).name
    return f"benchmark_{os.getpid()}_{name}"[:LONGEST_NAME]


def database_version() -> str:
    version = ".".join(map(str, connection.get_database_version()))
    return f"{connection.display_name} {version}"
