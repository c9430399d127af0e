"""Which source a request comes from, and for how long that is believed."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from personalization.events.models import Source, WriteKey
from personalization.events.write_keys import add_write_key, digest_of, end_keys, rotate_write_key
from personalization.exceptions import Unauthorized
from personalization.ingest import authentication
from personalization.ingest.authentication import FRESH, authenticated_source
from tests.ingest.sending import post

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
A_MOMENT = timedelta(milliseconds=1)


def ask(*keys: Any, at: timedelta = timedelta(0), **headers: str) -> Source:
    return authenticated_source(RequestFactory().post("/", headers=headers), keys, now=NOW + at)


def refused(*keys: Any, at: timedelta = timedelta(0), **headers: str) -> bool:
    try:
        ask(*keys, at=at, **headers)
    except Unauthorized:
        return True
    return False


def queries(*keys: Any, at: timedelta = timedelta(0)) -> int:
    with CaptureQueriesContext(connection) as captured:
        refused(*keys, at=at)
    return len(captured)


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def in_other_process(change: Callable[[], object]) -> None:
    """Change rows without this process hearing of it."""
    remembered = dict(authentication._read._entries)
    change()
    for digest, row in remembered.items():
        authentication._read.put(digest, row)


# -- who ----------------------------------------------------------------------------------------


def test_what_a_request_needs_of_its_source_is_read_with_it(
    make_source: Callable[..., Source],
) -> None:
    made = make_source(
        kind="browser",
        slug="shop",
        write_key="the-key",
        schemas="warn",
        allowed_origins="https://shop.example",
        rate_limit=100,
    )
    for _ in range(2):  # from the database, from memory
        source = ask("the-key")
        with CaptureQueriesContext(connection) as captured:
            assert (source.pk, source.slug, source.is_server) == (made.pk, "shop", False)
            assert (source.schemas, source.rate_limit) == ("warn", 100)
            assert source.allowed_origins == "https://shop.example"
        assert len(captured) == 0


def test_each_of_several_keys_works(server: Source) -> None:
    add_write_key(server, key="second-key")
    assert ask("server-key") == ask("second-key") == server


def test_the_first_key_that_is_good_counts_whatever_is_remembered(
    server: Source, browser: Source
) -> None:
    assert ask("nobodys", "browser-key", "server-key") == browser
    assert ask("server-key") == server  # remembered now
    assert ask("nobodys", "browser-key", "server-key") == browser
    authentication.forget()
    assert ask("server-key") == server
    assert ask("browser-key", "server-key") == browser
    headers = {"authorization": basic("server-key:")}
    assert ask("browser-key", **headers) == browser
    assert ask("nobodys", **headers) == server


@pytest.mark.parametrize("keys", [(), ("",), (None,), (7,), (["server-key"],), ("server-ke",)])
def test_without_a_good_key_nobody_is_let_in(server: Source, keys: tuple[Any, ...]) -> None:
    assert refused(*keys)


def test_a_digest_is_not_a_key(server: Source) -> None:
    assert refused(server.write_keys.get().digest)
    assert refused(server.write_keys.get().hint)


def test_a_key_that_ended_or_whose_source_is_off_is_refused(
    make_source: Callable[..., Source],
) -> None:
    source = make_source(write_key="the-key")
    end_keys(list(source.write_keys.all()), at=NOW)
    assert ask("the-key", at=-A_MOMENT) == source
    authentication.forget()
    assert refused("the-key")
    make_source(write_key="off-key", active=False)
    assert refused("off-key")


def test_between_two_keys_nobody_is_refused(server: Source) -> None:
    key = rotate_write_key(server, keep=timedelta(hours=24), now=NOW)
    late = timedelta(hours=24)
    assert ask("server-key", at=late - A_MOMENT) == ask(key, at=late - A_MOMENT) == server
    authentication.forget()
    assert refused("server-key", at=late)
    assert ask(key, at=late) == server


# -- how often the database is asked ------------------------------------------------------------


def test_one_query_is_enough_however_many_keys_there_are(server: Source) -> None:
    assert queries("one", "two", "three", "server-key") == 1


def test_a_good_key_is_asked_for_once_in_five_seconds(server: Source) -> None:
    assert timedelta(seconds=5) == FRESH
    ages = [timedelta(0), A_MOMENT, FRESH - A_MOMENT, FRESH, FRESH + A_MOMENT, 2 * FRESH]
    assert [queries("server-key", at=age) for age in ages] == [1, 0, 0, 1, 0, 1]


def test_a_clock_that_is_set_back_makes_nothing_last(server: Source) -> None:
    assert queries("server-key", at=timedelta(days=1)) == 1
    assert queries("server-key", at=timedelta(0)) == 1


def test_a_wrong_key_is_asked_for_each_time(server: Source) -> None:
    assert [queries("nobodys") for _ in range(3)] == [1, 1, 1]
    add_write_key(server, key="nobodys")
    assert ask("nobodys") == server


def test_a_thousand_wrong_keys_leave_nothing_behind(server: Source) -> None:
    ask("server-key")
    refused("warm-up")
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    for number in range(1000):
        assert refused(f"guess-{number}")
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    assert len(authentication._read) == 1
    here = [tracemalloc.Filter(True, authentication.__file__)]
    grown = after.filter_traces(here).compare_to(before.filter_traces(here), "filename")
    assert sum(line.size_diff for line in grown) < 10_000


def test_good_keys_without_number_are_not_all_remembered(server: Source) -> None:
    WriteKey.objects.bulk_create(
        WriteKey(source=server, digest=digest_of(f"key-{number}")) for number in range(1100)
    )
    for number in range(1100):
        assert ask(f"key-{number}") == server
    assert len(authentication._read) == 1024


def test_keys_without_number_in_one_request_are_not_all_looked_for(server: Source) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert refused(*(f"guess-{number}" for number in range(5000)), "server-key")
    assert len(captured) == 1
    assert len(captured[0]["sql"]) < 2000


# -- changes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["key ends", "key goes", "source off", "source goes"])
def test_a_change_counts_at_once_where_it_is_made(server: Source, what: str) -> None:
    assert ask("server-key") == server
    key = server.write_keys.get()
    if what == "key ends":
        end_keys([key], at=NOW)
    elif what == "key goes":
        key.delete()
    elif what == "source off":
        server.active = False
        server.save()
    else:
        server.delete()
    assert refused("server-key")


def test_a_change_made_elsewhere_counts_within_five_seconds(server: Source) -> None:
    assert ask("server-key") == server
    in_other_process(lambda: Source.objects.update(active=False))
    assert ask("server-key", at=FRESH - A_MOMENT) == server
    assert refused("server-key", at=FRESH)


@pytest.mark.django_db(transaction=True)
def test_who_asked_before_a_change_was_committed_asks_again(server: Source) -> None:
    with transaction.atomic():
        server.rate_limit = 7
        server.save()
        row = ask("server-key")
        assert row.rate_limit == 7
        # Another thread does not see it yet, and remembers what it saw.
        stale = tuple(None if name == "rate_limit" else getattr(row, name)
                      for name in authentication.COLUMNS)  # fmt: skip
        authentication._read.put(digest_of("server-key"), authentication._Read(NOW, stale))
        assert ask("server-key").rate_limit is None
    assert ask("server-key").rate_limit == 7


def test_at_the_endpoint_a_busy_source_costs_no_look_up(client: Client, server: Source) -> None:
    body = json.dumps({"batch": []})
    assert post(client, body).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        assert post(client, body).status_code == 200
    assert not [query for query in captured if "write_key" in query["sql"]]
