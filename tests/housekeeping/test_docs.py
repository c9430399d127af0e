"""The reference is complete, and describes nothing that is gone."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from django.dispatch import Signal

from personalization import conf, signals
from personalization.templatetags import personalization as tags
from tests.housekeeping.repository import PACKAGE, ROOT

REFERENCE = ROOT / "docs" / "reference"
CHECK = re.compile(r"personalization\.[EWI]\d{3}")


def setting_names() -> Iterable[str]:
    return conf.names()


def check_ids() -> Iterable[str]:
    texts = (path.read_text() for path in PACKAGE.rglob("*.py"))
    return {identifier for text in texts for identifier in CHECK.findall(text)}


def command_names() -> Iterable[str]:
    folder = PACKAGE / "management" / "commands"
    return [path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")]


def tag_names() -> Iterable[str]:
    return [*tags.register.tags, *tags.register.filters]


def signal_names() -> Iterable[str]:
    return [name for name, value in vars(signals).items() if isinstance(value, Signal)]


PAGES = {
    "settings.md": setting_names,
    "checks.md": check_ids,
    "commands.md": command_names,
    "template-tags.md": tag_names,
    "signals.md": signal_names,
}


def headings(page: str) -> set[str]:
    """Return the names that `page` has a heading for, such as "## `name`"."""
    text = (REFERENCE / page).read_text()
    return set(re.findall(r"^##+ `([^`]+)`", text, flags=re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_everything_has_its_heading(page: str) -> None:
    assert set(PAGES[page]()) - headings(page) == set()


@pytest.mark.parametrize("page", PAGES)
def test_no_heading_is_about_something_gone(page: str) -> None:
    assert headings(page) - set(PAGES[page]()) == set()
