"""On a phone a wide table scrolls by itself, and not the whole page with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import personalization

TEMPLATES = Path(personalization.__file__).parent / "templates"
#: What scrolls sideways: ours, and what the admin puts its own lists into.
_SCROLLING = re.compile(r'class="(?:[^"]* )?(?:pz-scroll|results)[ "][^>]*>\s*$')
_TABLE = re.compile(r'<table class="(?:[^"]* )?pz-table')


def tables() -> Iterator[tuple[str, str]]:
    """Yield the template of each table, and what stands before it there."""
    for path in sorted(TEMPLATES.rglob("*.html")):
        text = path.read_text()
        for found in _TABLE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{path.relative_to(TEMPLATES)}:{line}", text[: found.start()]


@pytest.mark.parametrize("before", [pytest.param(before, id=where) for where, before in tables()])
def test_each_table_stands_in_something_that_scrolls(before: str) -> None:
    assert _SCROLLING.search(before)


def test_there_are_tables() -> None:
    assert len(list(tables())) > 20
