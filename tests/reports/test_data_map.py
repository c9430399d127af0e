"""The data map: complete, read off the stores, and the page in the docs is it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps

from personalization.events.models import Event
from personalization.profiles.models import Identity, Visit
from personalization.profiles.stores import Store, stores
from personalization.profiles.suppressions import Suppression
from personalization.reports.data_map import Place, impersonal_tables, places, span_words
from scripts import data_map as page

DAY = timedelta(days=1)


@pytest.fixture
def registered() -> Iterator[Any]:
    """Register a store for the test alone."""
    names: list[str] = []

    def register(name: str, **says: Any) -> None:
        stores.register(name)(type("Probe", (Store,), says))
        names.append(name)

    yield register
    for name in names:
        del stores._entries[name]


def place(name: str) -> Place:
    [found] = [each for each in places() if each.name == name]
    return found


def test_every_store_is_in_it() -> None:
    assert [each.name for each in places()] == list(stores.names())


def test_every_store_says_what_it_holds_and_what_for() -> None:
    for each in places():
        assert each.holds, each.name
        assert each.used_for, each.name


def test_every_table_of_the_app_is_in_it_once() -> None:
    named = [table.name for each in places() for table in each.tables]
    named += [table.name for table in impersonal_tables()]
    models = apps.get_app_config("personalization").get_models()
    assert sorted(named) == sorted(model._meta.db_table for model in models)


def test_no_table_that_leads_to_a_person_is_said_to_be_impersonal() -> None:
    assert [table.name for table in impersonal_tables() if table.whose] == []


def test_every_column_is_in_it() -> None:
    [events] = [each for each in place("events").tables if each.name == Event._meta.db_table]
    columns = [column.name for column in events.columns]
    assert columns == [field.column for field in Event._meta.concrete_fields]


def test_a_column_says_what_it_holds_and_where_it_leads() -> None:
    table = next(each for each in place("visits").tables)
    by_name = {column.name: column for column in table.columns}
    assert by_name["started_at"].words == "started at"
    assert by_name["profile_id"].kind == "→ personalization_profile"


def test_a_table_says_whose_its_rows_are(registered: Any) -> None:
    registered("probe", models=(Identity, Visit, Suppression))
    identity, visit, suppression = place("probe").tables
    assert identity.whose == "identity · profile_id → profile"
    assert visit.whose == "profile_id → profile"
    assert suppression.whose == ""


def test_it_says_how_long(registered: Any, settings: Any) -> None:
    registered("probe", kept_for=30 * DAY)
    assert place("probe").kept == "30 days at most."
    settings.PERSONALIZATION_RETENTION_OF = {"probe": 7 * DAY}
    assert place("probe").kept == "7 days at most."


def test_it_says_how_it_ends_in_words_of_its_own(registered: Any, settings: Any) -> None:
    registered("probe", kept_words="%(retention)s, and no longer.")
    settings.PERSONALIZATION_RETENTION = 90 * DAY
    assert place("probe").kept == "90 days, and no longer."
    registered("aged", kept_for=7 * DAY, kept_words="%(span)s after the last visit.")
    assert place("aged").kept == "7 days after the last visit."
    registered("other")
    assert place("other").kept == "As long as the profile is."


def test_what_outlives_a_profile_does_not_say_that_it_is_kept_as_long() -> None:
    stays = [each for each in places() if each.erased.startswith("It stays")]
    assert stays
    assert not [each.name for each in stays if each.kept == place("visits").kept]


def erased(self: Store, subject: Any) -> int:
    return 1


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"erase": erased}, "At once, with the request."),
        ({"erase_slowly": erased}, "Before the receipt is signed."),
        ({"models": (Visit,)}, "At once, with the profile."),
        ({"models": (Suppression,)}, "It stays: nobody is named in it."),
    ],
)
def test_it_says_what_becomes_of_it(says: Any, words: str, registered: Any) -> None:
    registered("probe", **says)
    assert place("probe").erased == words


@pytest.mark.parametrize(
    ("span", "words"),
    [(DAY, "1 day"), (750 * DAY, "750 days"), (timedelta(hours=36), "1 day"),
     (timedelta(hours=1), "1 hour"), (timedelta(hours=5), "5 hours")],
)  # fmt: skip
def test_times_are_said_in_days_or_hours(span: timedelta, words: str) -> None:
    assert span_words(span) == words


def test_it_is_told_as_json() -> None:
    told: Any = place("visits").as_json()
    assert told["store"] == "visits"
    assert told["shownToVisitors"] is True
    [table] = told["tables"]
    assert table["whose"] == "profile_id → profile"
    assert {"column": "started_at", "holds": "started at", "type": "DateTime"} in table["columns"]


# -- the page in the docs --------------------------------------------------------------------


def test_the_page_in_the_docs_is_current() -> None:
    written = page.TARGET.read_text(encoding="utf-8")
    assert written == page.document(), "Run python -m scripts.data_map."


def test_the_page_names_every_table_and_column() -> None:
    text = page.document()
    for each in places():
        for table in each.tables:
            assert f"### `{table.name}`" in text
            assert all(f"| `{column.name}` |" in text for column in table.columns)


def test_a_new_store_makes_the_page_another(registered: Any) -> None:
    before = page.document()
    registered("probe", holds="What a test holds.", used_for="tests")
    assert "What a test holds." in page.document()
    assert page.document() != before


def test_what_would_break_a_table_does_not(registered: Any) -> None:
    registered("probe", used_for="this | that")
    assert "| this \\| that |" in page.document()
