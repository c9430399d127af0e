"""Write docs/reference/data-map.md: `python -m scripts.data_map`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from personalization.reports.data_map import Place

TARGET = Path(__file__).parent.parent / "docs" / "reference" / "data-map.md"
_HEAD = """\
# Data map

Where data of people lie, what for, how long, and what becomes of them when somebody is erased. It is
read off the stores and the models of the app (`python -m scripts.data_map`), so it is complete: a test
fails when it is not current. Your own site's, with your retention, is in the admin under *Reports*, and
[`manage.py data_map`](commands.md) prints it. What follows from it is told in
[Data protection](../explanation/data-protection.md).

The times are those that are shipped; [`PERSONALIZATION_RETENTION_OF`](settings.md) changes them.
"""
_IMPERSONAL = """\
## Tables without people

These are of the site: what somebody of it set up, or what the app keeps for its own work.
"""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    TARGET.write_text(document(), encoding="utf-8")
    print(f"Wrote {TARGET.name}.")


def document() -> str:
    """Return the page, in English."""
    from django.utils.translation import override

    from personalization.reports.data_map import impersonal_tables, places

    with override("en"):
        parts = [_HEAD, *_overview(places()), *_chapters(places()), _IMPERSONAL]
        rows = [(f"`{table.name}`", table.what) for table in impersonal_tables()]
        parts.append(_rows(("Table", "What"), rows))
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _overview(places: Sequence[Place]) -> Iterator[str]:
    yield "## At a glance"
    rows = [
        (
            f"[{place.name}](#{place.name.replace(' ', '-')})",
            place.used_for,
            place.kept,
            place.erased,
        )
        for place in places
    ]
    yield _rows(("Store", "Used for", "Kept", "Erased"), rows)


def _chapters(places: Sequence[Place]) -> Iterator[str]:
    for place in places:
        yield f"## {place.name.capitalize()}"
        yield place.holds
        shown = "A visitor is shown it." if place.is_shown else "A visitor is not shown it."
        yield f"- Used for: {place.used_for}\n- Kept: {place.kept}\n- Erased: {place.erased}\n- {shown}"
        if not place.tables:
            yield "It is in no table."
        for table in place.tables:
            whose = f" Whose: {table.whose}." if table.whose else ""
            yield f"### `{table.name}`"
            yield f"{table.what}{whose}"
            rows = [(f"`{column.name}`", column.words, column.kind) for column in table.columns]
            yield _rows(("Column", "Holds", "Type"), rows)


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    main()
