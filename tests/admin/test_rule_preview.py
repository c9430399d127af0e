from __future__ import annotations

import json

import pytest
from django.db import OperationalError, connection
from django.urls import reverse
from django.utils import timezone

from personalization.admin import rule_count
from personalization.admin.rule_check import line_of
from personalization.profiles.models import Snapshot
from personalization.segments.models import Segment
from personalization.segments.population import linked, matching
from personalization.segments.templates import TEMPLATES
from tests.admin.rules import CART, did, group, in_segment, prop, rule, trait

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(make_visitor, make_segment):
    """Six visitors, and two segments to speak of."""
    make_segment("loyal", rule(did("Order Completed", 2)))
    make_segment("guests")
    return [
        make_visitor(("Product Added", 2, {"category": "shoes", "price": 80})),
        make_visitor(("Product Added", 30, {"category": "shoes"})),
        make_visitor(("Product Added", 3, {"category": "bags"}), ("Order Completed", 1)),
        make_visitor(("Order Completed", 500), ("Order Completed", 5), identity="loyal-one"),
        make_visitor(("Page Viewed", 1)),
        make_visitor(),
    ]


RULES = [
    CART,
    rule(did("Product Added", where=group(prop("category", "=", "shoes")))),
    rule(did("Product Added", 0, operator="=")),
    rule(in_segment("loyal"), did("Product Added"), combinator="or"),
    rule(group(in_segment("loyal"), negated=True)),
    rule(trait("plan", "!=", "pro")),
    *(template.rule for template in TEMPLATES),
]


@pytest.mark.parametrize("data", RULES)
def test_preview_and_trials_agree_with_the_whole_population(owner, shop, ask, data):
    """Rules nobody has saved: their counters are in no snapshot."""
    answer = ask(owner, "preview", rule=data).json()
    expected = matching(linked(data), now=timezone.now())
    assert answer["problems"] == []
    assert answer["count"] == len(expected)
    assert answer["total"] == 6
    assert answer["sentence"].startswith("Visitors who")
    for profile in shop:
        answer = ask(owner, "trial", rule=data, visitor=str(profile.pk)).json()
        assert answer["holds"] == (profile.pk in expected)


def test_the_preview_says_it_in_words(owner, shop, ask):
    answer = ask(owner, "preview", rule=CART).json()
    assert answer["shown"] == "1"
    assert answer["words"] == "of 6 visitors match right now"
    assert answer["share"] == "16.7 %"
    assert "added a product to the cart in the last 24 hours" in answer["sentence"]


def test_the_preview_points_at_the_line(owner, ask):
    data = rule(did("Engaged"), group(trait("age", "=", "old")))
    answer = ask(owner, "preview", rule=data).json()
    assert answer["problems"] == [
        {
            "pointer": "/root/rules/1/rules/0/value",
            "line": "2.1",
            "message": "age is a number; “old” is a text.",
        }
    ]
    assert "count" not in answer
    assert answer["sentence"]


def test_the_preview_takes_the_edited_rule_for_the_stored_one(owner, make_segment, ask):
    make_segment("first", CART)
    make_segment("second", rule(in_segment("first")))
    edited = rule(in_segment("second"))
    assert ask(owner, "preview", rule=edited, slug="").json()["problems"] == []
    [problem] = ask(owner, "preview", rule=edited, slug="first").json()["problems"]
    assert "circle" in problem["message"]
    assert problem["pointer"].startswith("/root/rules/0")


def test_a_number_no_json_parser_takes_is_answered_as_json(owner, ask):
    text = json.dumps({"rule": rule(trait("age", "=", 0))}).replace(": 0", ": 1e999")
    address = reverse("admin:personalization_segment_preview")
    response = owner.post(address, text, content_type="application/json")
    assert "Infinity" not in response.content.decode().replace("Found: Infinity", "")
    assert json.loads(response.content, parse_constant=pytest.fail)["problems"]


@pytest.mark.parametrize("body", ["", "{", "[]", "5", "[" * 200_000, '"\\ud800"', b"\xff\xfe"])
def test_garbage_is_answered_with_a_message(owner, body):
    for name in ("preview", "trial"):
        address = reverse(f"admin:personalization_segment_{name}")
        response = owner.post(address, body, content_type="application/json")
        assert response.status_code == 400
        assert response.json()["message"]


def test_a_request_beyond_all_measure_is_refused(owner, ask, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = ask(owner, "preview", rule={"x": "y" * 2000})
    assert response.status_code == 400
    assert "too large" in response.json()["message"]


@pytest.mark.parametrize("name", ["preview", "trial"])
def test_only_posts_are_answered_and_only_with_a_token(owner, name):
    address = reverse(f"admin:personalization_segment_{name}")
    assert owner.get(address).status_code == 405
    owner.handler.enforce_csrf_checks = True
    assert owner.post(address, "{}", content_type="application/json").status_code == 403


@pytest.mark.parametrize(
    ("pointer", "line"),
    [
        ("", ""),
        ("/root", ""),
        ("/version", ""),
        ("/root/rules/0", "1"),
        ("/root/rules/1/rules/9/value", "2.10"),
        ("/root/rules/1/where/rules/0/value", "2 where 1"),
        ("/root/rules/1/steps/2/within", "2 step 3"),
        ("/root/rules/0/steps/0/where/rules/1", "1 step 1 where 2"),
        ("/root/rules/1/rules/2/where/rules/0/rules/3", "2.3 where 1.4"),
    ],
)
def test_a_pointer_is_said_as_a_line(pointer, line):
    assert line_of(pointer) == line


def test_a_count_that_fails_in_the_database_is_given_up(owner, ask, monkeypatch):
    def fails(*_args: object, **_kwargs: object) -> int:
        raise OperationalError

    monkeypatch.setattr(rule_count, "count_matching", fails)
    answer = ask(owner, "preview", rule=CART).json()
    assert answer["count"] is None
    assert "too long" in answer["words"]
    assert answer["sentence"].startswith("Visitors who")


@pytest.mark.postgres
def test_a_count_that_takes_too_long_is_stopped(owner, ask, monkeypatch):
    def slow(*_args: object, **_kwargs: object) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
        return 0

    monkeypatch.setattr(rule_count, "COUNT_MILLISECONDS", 50)
    monkeypatch.setattr(rule_count, "count_matching", slow)
    answer = ask(owner, "preview", rule=CART).json()
    assert answer["count"] is None
    assert Segment.objects.count() == 0, "the connection can still be used"


# -- trying a visitor -------------------------------------------------------------------------


def reasons(answer: object) -> list[tuple[str, bool, str]]:
    """Return every line of a trace, outermost first."""
    found = []
    waiting = list(reversed(answer["reasons"]))
    while waiting:
        each = waiting.pop()
        found.append((each["text"], each["holds"], each["actual"]))
        waiting += reversed(each["reasons"])
    return found


def test_a_trial_explains_the_rule_as_edited_with_actual_values(owner, shop, ask):
    data = rule(
        did("Product Added", last="PT24H", where=group(prop("category", "=", "shoes"))),
        group(did("Order Completed")),
    )
    answer = ask(owner, "trial", rule=data, visitor=str(shop[0].pk)).json()
    assert answer["holds"] is False
    lines = reasons(answer)
    assert lines[1][1:] == (True, "once in that time, most recently 2 hours ago")
    assert lines[3][1:] == (False, "never")
    assert answer["url"] == reverse("admin:personalization_profile_change", args=[shop[0].pk])


def test_a_trial_says_what_time_will_do(owner, shop, ask):
    cart = rule(did("Product Added", last="PT24H"))
    answer = ask(owner, "trial", rule=cart, visitor=str(shop[0].pk)).json()
    assert answer["when"].startswith("Leaves on")
    assert "(in 21\xa0hours)" in answer["when"]
    absent = rule(group(did("Page Viewed", last="P1D"), negated=True))
    answer = ask(owner, "trial", rule=absent, visitor=str(shop[4].pk)).json()
    assert answer["when"].startswith("Enters on")
    answer = ask(owner, "trial", rule=absent, visitor=str(shop[5].pk)).json()
    assert answer["when"].startswith("Stays until")
    answer = ask(owner, "trial", rule=cart, visitor=str(shop[5].pk)).json()
    assert answer["when"] == "Time alone does not change it."


def test_a_trial_can_make_up_the_page_that_is_asked_for(owner, shop, ask):
    def tried(**context: object) -> tuple[bool, list[str]]:
        answer = ask(owner, "trial", rule=data, visitor=str(shop[0].pk), context=context).json()
        return answer["holds"], [actual for _text, _holds, actual in reasons(answer)[1:]]

    device = {"kind": "context", "field": "device", "operator": "=", "value": "mobile"}
    source = {"kind": "context", "field": "utm.source", "operator": "starts with", "value": "n"}
    data = rule(device, source)
    assert tried() == (False, ["not known without a request"] * 2)
    assert tried(device="mobile", **{"utm.source": "news"}) == (True, ["mobile", "news"])
    assert tried(device="tablet", hour="3", colour="red")[0] is False
    assert tried(device=["mobile"])[1][0] == "not known without a request"


def test_a_visitor_is_found_by_identity_and_by_id(owner, shop, ask):
    for name in ("loyal-one", " loyal-one ", str(shop[3].pk), shop[3].pk):
        assert ask(owner, "trial", rule=CART, visitor=name).json()["id"] == shop[3].pk


@pytest.mark.parametrize("visitor", ["", "nobody", "-1", "9" * 30, "²", {"a": 1}, "x" * 5000])
def test_an_unknown_visitor_is_answered_with_a_message(owner, shop, ask, visitor):
    response = ask(owner, "trial", rule=CART, visitor=visitor)
    assert response.status_code == 404
    assert "Nobody" in response.json()["message"]


def test_a_broken_rule_is_not_tried(owner, shop, ask):
    response = ask(owner, "trial", rule=rule(), visitor=str(shop[0].pk))
    assert response.status_code == 422


def test_the_visitors_seen_last_are_offered(owner, shop):
    answer = owner.get(reverse("admin:personalization_segment_visitors")).json()
    seen = Snapshot.objects.exclude(last_seen=None).order_by("-last_seen")
    assert [each["id"] for each in answer["visitors"]] == [each.pk for each in seen]
