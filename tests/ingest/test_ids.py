"""Identifiers as clients state them, and those that mean nobody."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.exceptions import EventRejected
from personalization.ingest.ids import MAX_ID, MOST_EXTERNAL, external_keys, means_nobody, read_id
from personalization.profiles.identity import Key

#: PostHog, `isDistinctIdIllegal`: these whatever their case …
POSTHOG = (
    "anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email",
    "undefined", "true", "false",
)  # fmt: skip
#: … and these only as they are written.
POSTHOG_EXACT = ("[object Object]", "NaN", "None", "none", "null", "0", "undefined")
#: Segment Unify, suggested blocked values.
SEGMENT = (
    "",
    "-",
    "0",
    "000",
    "0000-00-00",
    "00000000-0000-0000-0000-000000000000",
    "-1",
    "null",
    "anonymous",
)


def _quoted(ids: tuple[str, ...]) -> list[str]:
    return [*ids, *(f"'{each}'" for each in ids), *(f'"{each}"' for each in ids)]


@pytest.mark.parametrize(
    "nobody",
    [
        *_quoted(POSTHOG), *_quoted(POSTHOG_EXACT), *SEGMENT, *(each.upper() for each in POSTHOG),
        "uNdEfInEd", "NULL", '""', "' '", '"Guest"',
    ],
)  # fmt: skip
def test_what_broken_clients_send_means_nobody(nobody: str) -> None:
    assert means_nobody(nobody)
    assert read_id({"userId": f" {nobody} "}, "userId") is None


@pytest.mark.parametrize(
    "somebody",
    ["Null", "Nan", "nan", "NONE", "10", "0a", "u-0", "-2", "'", '"u"', "'null\"", "''null''", "anonymous@shop.example", "guest-1", "emails"],
)  # fmt: skip
def test_what_only_looks_like_it_is_somebody(somebody: str) -> None:
    assert read_id({"userId": somebody}, "userId") == somebody


@pytest.mark.parametrize("wrong", [True, 1.5, [], {}, "x" * (MAX_ID + 1)])
def test_what_is_no_id_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(EventRejected, match="/anonymousId") as caught:
        read_id({"anonymousId": wrong}, "anonymousId")
    assert (caught.value.code, caught.value.pointer) == ("invalid_id", "/anonymousId")


def _external(*entries: Any) -> list[Key]:
    return list(external_keys({"context": {"externalIds": list(entries)}}))


def _entry(**fields: Any) -> dict[str, Any]:
    entry = {"id": "1-2-3", "type": "phone", "collection": "users", "encoding": "none"}
    return {**entry, **fields}


def test_segments_example_of_an_external_id() -> None:
    assert _external(_entry(id="123-456-7890")) == [Key("phone", "123-456-7890")]


@pytest.mark.parametrize(
    ("stated", "key"),
    [
        ({"type": "email", "id": " Jane@Example1.com "}, Key("email", "jane@example1.com")),
        ({"type": "crm", "id": "Ab1"}, Key("crm", "Ab1")),
        ({"type": "user_id"}, Key("user", "1-2-3")),
        ({"type": "anonymous_id"}, Key("anonymous", "1-2-3")),
        ({"type": "ios.id", "id": 17}, Key("ios.id", "17")),
    ],
)
def test_its_type_is_the_namespace(stated: Any, key: Key) -> None:
    assert _external(_entry(**stated)) == [key]


def test_collection_and_encoding_may_be_left_out() -> None:
    assert _external({"id": "a", "type": "crm"}) == [Key("crm", "a")]


@pytest.mark.parametrize(
    "fields",
    [
        {"collection": "accounts"}, {"encoding": "sha256"}, {"type": "Phone"}, {"type": ""},
        {"type": "x" * 31}, {"type": "a b"}, {"type": None}, {"type": 5}, {"type": "user"},
        {"type": "anonymous"}, {"type": "claimed"}, {"id": "null"}, {"id": ""}, {"id": None},
        {"id": True}, {"id": {}}, {"id": "x" * (MAX_ID + 1)},
    ],
)  # fmt: skip
def test_what_names_no_person_in_clear_is_passed_over(fields: Any) -> None:
    assert _external(_entry(**fields), _entry(type="crm")) == [Key("crm", "1-2-3")]


@pytest.mark.parametrize(
    "data",
    [{}, {"context": None}, {"context": []}, {"context": {}}, {"context": {"externalIds": {}}}, {"context": {"externalIds": ["a", None, 5]}}],
)  # fmt: skip
def test_other_shapes_name_nobody(data: Any) -> None:
    assert list(external_keys(data)) == []


def test_there_is_an_end_to_them() -> None:
    assert len(_external(*(_entry(id=f"n{n}") for n in range(100)))) == MOST_EXTERNAL
