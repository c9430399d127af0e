"""The reference is complete, and describes nothing that is gone."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from django.dispatch import Signal

from personalization import conf, signals
from personalization.profiles import features
from personalization.rules import parse
from personalization.rules.derived import derived_features
from personalization.templatetags import personalization as tags
from tests.housekeeping.repository import PACKAGE, ROOT

REFERENCE = ROOT / "docs" / "reference"
CHECK = re.compile(r"personalization\.[EWI]\d{3}")
ERROR_CODE = re.compile(r'\bcode"?[=:] ?"(\w+)"')


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


def error_codes() -> Iterable[str]:
    folders = (PACKAGE / name for name in ("api", "delivery", "ingest", "privacy", "rights"))
    texts = (path.read_text() for folder in folders for path in folder.rglob("*.py"))
    return {code for text in texts for code in ERROR_CODE.findall(text)}


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


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("rules.md", parse.kinds.names()),
        ("rules.md", features.definitions.names()),
        ("rules.md", derived_features.names()),
        ("http-api.md", error_codes()),
    ],
    ids=["conditions", "features", "derived features", "error codes"],
)
def test_every_name_in_a_table_is_there(page: str, names: Iterable[str]) -> None:
    text = (REFERENCE / page).read_text()
    assert names
    assert [name for name in names if f"`{name}`" not in text] == []


def test_only_settings_that_exist_are_spoken_of() -> None:
    spoken = {
        f"{name} in {path.relative_to(ROOT)}"
        for folder in (ROOT / "docs", PACKAGE / "templates")
        for path in folder.rglob("*")
        if path.suffix in {".md", ".html"}
        for name in re.findall(r"PERSONALIZATION_[A-Z_]+[A-Z]", path.read_text())
        if name not in conf.names()
    }
    assert spoken == set()
