from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from personalization.events.models import Source, WriteKey
from personalization.events.write_keys import (
    active_keys,
    add_write_key,
    digest_of,
    end_keys,
    is_write_key,
    new_write_key,
    rotate_write_key,
    source_of,
)
from tests.factories import make_source

__all__ = ["make_source"]

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def works(source: Source, *, at: datetime = NOW) -> set[str]:
    return set(active_keys(source, now=at).values_list("digest", flat=True))


def test_a_key_is_192_random_bits_and_can_be_used_as_one() -> None:
    keys = {new_write_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) == 32 and is_write_key(key) for key in keys)


def test_only_a_digest_and_a_few_characters_are_kept(make_source: Callable[..., Source]) -> None:
    source = make_source()
    key = add_write_key(source)
    row = source.write_keys.get(digest=hashlib.sha256(key.encode()).hexdigest())
    assert row.hint == key[:6]
    assert all(key not in str(value) for value in WriteKey.objects.values_list())


@pytest.mark.parametrize(
    ("key", "hint"), [("tracker-of-the-shop", "trac"), ("abcd", "a"), ("abc", "")]
)
def test_of_a_short_key_less_is_kept(
    make_source: Callable[..., Source], key: str, hint: str
) -> None:
    source = make_source()
    assert add_write_key(source, key=key) == key
    assert source.write_keys.get(digest=digest_of(key)).hint == hint


@pytest.mark.parametrize("key", ["", "x" * 65, "two\nlines", "nul\x00", "\ud800"])
def test_what_no_client_can_send_is_no_key(make_source: Callable[..., Source], key: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        add_write_key(make_source(), key=key)


def test_a_key_works_until_it_ends(make_source: Callable[..., Source]) -> None:
    source = make_source()
    WriteKey.objects.all().delete()
    digest = digest_of(add_write_key(source, expires_at=NOW))
    assert works(source, at=NOW - timedelta(seconds=1)) == {digest}
    assert works(source, at=NOW) == set()


def test_a_source_may_have_several_keys(make_source: Callable[..., Source]) -> None:
    source = make_source(write_key="one")
    add_write_key(source, key="two")
    add_write_key(make_source(), key="three")
    assert works(source) == {digest_of("one"), digest_of("two")}


@pytest.mark.parametrize(
    ("keep", "end"), [(timedelta(0), NOW), (DAY, NOW + DAY), (7 * DAY, NOW + 7 * DAY), (None, None)]
)
def test_with_a_new_key_the_others_end_as_it_is_said(
    make_source: Callable[..., Source], keep: timedelta | None, end: datetime | None
) -> None:
    source, other = make_source(write_key="old"), make_source(write_key="other")
    key = rotate_write_key(source, keep=keep, now=NOW)
    assert source.write_keys.get(digest=digest_of("old")).expires_at == end
    assert source.write_keys.get(digest=digest_of(key)).expires_at is None
    assert works(other) == {digest_of("other")}


def test_a_key_that_ends_sooner_is_not_given_more_time(
    make_source: Callable[..., Source],
) -> None:
    source = make_source(write_key="old")
    rotate_write_key(source, keep=DAY, now=NOW)
    rotate_write_key(source, keep=7 * DAY, now=NOW)
    assert source.write_keys.get(digest=digest_of("old")).expires_at == NOW + DAY
    ended = list(source.write_keys.filter(digest=digest_of("old")))
    end_keys(ended, at=NOW)
    assert ended[0].expires_at == NOW


def test_the_source_of_a_key_is_found_while_both_work(make_source: Callable[..., Source]) -> None:
    source = make_source(write_key="key")
    assert source_of("key", now=NOW) == source
    assert source_of("another", now=NOW) is None
    end_keys(list(source.write_keys.all()), at=NOW)
    assert source_of("key", now=NOW) is None
    add_write_key(source, key="next")
    Source.objects.update(active=False)
    assert source_of("next", now=NOW) is None


# -- the command --------------------------------------------------------------------------------


def test_the_command_prints_the_key_alone_and_ends_the_others(
    make_source: Callable[..., Source], capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_source(slug="orders", name="Orders", write_key="old")
    call_command("rotate_write_key", "orders")
    printed, said = capsys.readouterr()
    assert works(source, at=datetime.now(UTC)) == {digest_of(printed.rstrip("\n"))}
    assert "“Orders”" in said
    assert "end now" in said
    call_command("rotate_write_key", "orders", "--verbosity=0")
    assert capsys.readouterr().err == ""


def test_the_command_lets_the_others_work_on(
    make_source: Callable[..., Source], capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_source(slug="orders", write_key="old")
    before = datetime.now(UTC)
    call_command("rotate_write_key", "orders", "--keep-old", "1.5")
    end = source.write_keys.get(digest=digest_of("old")).expires_at
    assert end is not None
    assert before + timedelta(hours=1.5) <= end <= datetime.now(UTC) + timedelta(hours=1.5)
    assert "in 1.5 h" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "Known: orders, shop"),
        (("orders", "--keep-old", "-1"), "0 to 8784"),
        (("orders", "--keep-old", "1e9"), "0 to 8784"),
        (("orders", "--keep-old", "nan"), "0 to 8784"),
    ],
)
def test_the_command_says_what_is_allowed(
    make_source: Callable[..., Source], arguments: tuple[str, ...], said: str
) -> None:
    for slug in ("orders", "shop"):
        make_source(slug=slug)
    with pytest.raises(CommandError, match=said):
        call_command("rotate_write_key", *arguments)
    assert WriteKey.objects.filter(expires_at=None).count() == 2


def test_on_a_new_site_the_command_says_that_there_is_no_source() -> None:
    with pytest.raises(CommandError, match="none yet"):
        call_command("rotate_write_key", "orders")
