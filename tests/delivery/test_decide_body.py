"""What `/v1/decide` cannot be asked, and where it says that the question is wrong."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.delivery.deciding import browser
from tests.delivery.people import Person, make_person, make_segments, make_variation

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> Person:
    make_segments("a", "b", "c")
    make_variation("a", "<p>for a</p>")
    return make_person("a")


CANDIDATE = {"key": "mine", "segments": ["a"]}
MALFORMED: list[tuple[Any, str, str]] = [
    ([], "invalid_json", ""),
    ({}, "missing_slots", "/slots"),
    ({"slots": "hero"}, "missing_slots", "/slots"),
    ({"slots": []}, "missing_slots", "/slots"),
    ({"slots": ["hero"] * 51}, "batch_too_long", "/slots"),
    ({"slots": ["hero", 7]}, "invalid_slot", "/slots/1"),
    ({"slots": ["hero", "cap:slot:hero"]}, "invalid_slug", "/slots/1"),
    ({"slots": [{"slot": "x" * 51}]}, "invalid_slug", "/slots/0/slot"),
    ({"slots": [{}]}, "invalid_slug", "/slots/0/slot"),
    ({"slots": [{"slot": "a", "candidates": {}}]}, "invalid_candidate", "/slots/0/candidates"),
    ({"slots": [{"slot": "a", "candidates": ["a"]}]}, "invalid_candidate", "/slots/0/candidates/0"),
    (
        {"slots": [{"slot": "a", "candidates": [{**CANDIDATE, "key": "<b>"}]}]},
        "invalid_candidate",
        "/slots/0/candidates/0/key",
    ),
    (
        {"slots": [{"slot": "a", "candidates": [{**CANDIDATE, "key": "variation:1"}]}]},
        "invalid_candidate",
        "/slots/0/candidates/0/key",
    ),
    (
        {"slots": [{"slot": "a", "candidates": [CANDIDATE, CANDIDATE]}]},
        "invalid_candidate",
        "/slots/0/candidates",
    ),
    (
        {"slots": [{"slot": "a", "candidates": [CANDIDATE] * 51}]},
        "batch_too_long",
        "/slots/0/candidates",
    ),
    (
        {"slots": [{"slot": "a", "candidates": [{**CANDIDATE, "segments": "a"}]}]},
        "invalid_candidate",
        "/slots/0/candidates/0/segments",
    ),
    (
        {"slots": [{"slot": "a", "candidates": [{**CANDIDATE, "segments": ["cap:slot:a"]}]}]},
        "invalid_slug",
        "/slots/0/candidates/0/segments/0",
    ),
    ({"slots": ["a"], "page": "here"}, "invalid_page", "/page"),
    ({"slots": ["a"], "page": {"path": 7}}, "invalid_page", "/page/path"),
    ({"slots": ["a"], "page": {"referrer": "x" * 2001}}, "invalid_page", "/page/referrer"),
    ({"slots": ["a"], "userId": {}}, "invalid_id", "/userId"),
    ({"slots": ["a"], "userId": "null"}, "invalid_id", "/userId"),
    ({"slots": ["a"], "anonymousId": "a\x00"}, "invalid_id", "/anonymousId"),
    ({"slots": ["a"], "anonymousId": "x", "userId": "y"}, "missing_ids", ""),
]


@pytest.mark.parametrize(("body", "code", "pointer"), MALFORMED)
def test_a_malformed_body_is_refused_where_it_is_wrong(body: Any, code: str, pointer: str) -> None:
    told = browser().send(json.dumps(body), status=400)
    assert told["code"] == code
    assert told.get("pointer", "") == pointer
    assert told["message"].startswith(pointer)


@pytest.mark.parametrize("body", ["", "{", '{"slots": ["a"', b"\xff", "[" * 100_000])
def test_what_is_no_json_is_refused(body: str | bytes) -> None:
    told = browser().send(body, status=400 if len(body) < 70_000 else 413)
    assert told["code"] in {"invalid_json", "too_large"}


def test_a_body_has_a_largest_size_also_compressed(person: Person) -> None:
    large = json.dumps({"slots": ["hero"], "page": {"path": "/" + " " * 66_000}}).encode()
    assert browser().send(large, status=413)["code"] == "too_large"
    assert browser().send(gzip.compress(large), status=413)["code"] == "too_large"
    small = gzip.compress(json.dumps({"slots": ["hero"]}).encode())
    assert browser(person).send(small)["decisions"][0]["content"] == "<p>for a</p>"


def test_more_fields_than_django_reads_are_refused(person: Person, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    told = browser(person).ask("hero", status=400, page={"path": "/", "search": "a=1&b=2&c=3"})
    assert told["code"] == "invalid_request"
