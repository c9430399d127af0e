"""How many visitors a rule as edited matches: at once, exactly, and not for ever."""

from __future__ import annotations

import threading
from datetime import timedelta
from time import monotonic, sleep

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.admin import bounded as bounded_module
from personalization.admin import rule_count
from personalization.admin.bounded import bounded, stop
from personalization.admin.rule_count import Head
from personalization.segments import estimate
from personalization.segments.estimate import Estimate
from tests.admin.rules import CART, did, group, in_segment, rule, trait

pytestmark = pytest.mark.django_db

TICKET = "0123456789abcdef" * 2
MOBILE = {"kind": "context", "field": "device", "operator": "=", "value": "mobile"}
#: Takes for ever, on every database.
ENDLESS = (
    "WITH RECURSIVE endless(n) AS (SELECT 1 UNION ALL SELECT n + 1 - 1 FROM endless) "
    "SELECT COUNT(*) FROM endless"
)


@pytest.fixture
def shop(make_visitor):
    """Three visitors; two put something into the cart."""
    return [
        make_visitor(("Product Added", 2, {"category": "shoes"})),
        make_visitor(("Product Added", 3, {"category": "bags"})),
        make_visitor(("Page Viewed", 1)),
    ]


def head(matched: int, looked_at: int, total: int, *, up_to: bool = False) -> Head:
    guess = Estimate(matched=matched, looked_at=looked_at, total=total)
    return Head(count=guess.count, total=total, up_to=up_to, estimate=guess)


# -- in words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (head(31, 2000, 80_000), "about 1,200 ± 600"),
        (head(1000, 2000, 1_000_000), "about 500,000 ± 30,000"),
        (head(1, 2000, 1_000_000), "at most 3,000"),
        (head(0, 2000, 1_000_000), "at most 2,000"),
        (head(9, 10, 12), "about 11 ± 1"),
        (head(500, 2000, 80_000, up_to=True), "up to about 20,000 ± 1,600"),
        (Head(count=1240, total=5000, up_to=False), "1,240"),
        (Head(count=1240, total=5000, up_to=True), "up to 1,240"),
        (Head(count=0, total=5000, up_to=True), "0"),
    ],
)
def test_a_number_is_said_as_exactly_as_it_is_known(found, shown):
    assert found.to_json()["shown"] == shown


def test_an_estimate_is_known_to_be_one():
    answer = head(31, 2000, 80_000).to_json()
    assert answer["estimate"] is True
    assert answer["count"] == 1240
    assert answer["share"] == "1.6 %"
    assert answer["words"] == "of 80,000 visitors match right now"
    assert Head(count=1, total=5, up_to=False).to_json()["estimate"] is False


# -- what is asked ------------------------------------------------------------------------------


def test_of_few_visitors_everybody_is_counted_at_once(owner, shop, ask):
    answer = ask(owner, "preview", rule=rule(did("Product Added"))).json()
    assert (answer["count"], answer["estimate"]) == (2, False)


def test_of_many_visitors_a_sample_answers_first(owner, shop, ask, monkeypatch):
    monkeypatch.setattr(rule_count, "LARGE", 2)
    monkeypatch.setattr(estimate, "_sample", lambda total: [shop[0].pk, shop[2].pk])
    cart = rule(did("Product Added"))
    answer = ask(owner, "preview", rule=cart).json()
    assert answer["estimate"] is True
    assert answer["total"] == 3
    assert answer["shown"] == "about 2 ± 1"
    exact = ask(owner, "count", rule=cart, ticket=TICKET).json()
    assert (exact["count"], exact["estimate"], exact["shown"]) == (2, False, "2")


def test_a_sample_of_everybody_is_no_estimate(owner, shop, ask, monkeypatch):
    monkeypatch.setattr(rule_count, "LARGE", 2)
    answer = ask(owner, "preview", rule=rule(did("Product Added"))).json()
    assert (answer["estimate"], answer["shown"]) == (False, "2")


def test_what_only_a_request_tells_is_left_out_and_said(owner, shop, ask):
    answer = ask(owner, "preview", rule=rule(did("Product Added"), MOBILE)).json()
    assert answer["count"] == 2
    assert answer["shown"] == "up to 2"
    assert answer["words"] == "of 3 visitors can match"
    left_out, decided = answer["notes"]
    assert left_out.endswith("left out of the number: device is mobile.")
    assert "decided anew for each page" in decided
    everybody = ask(owner, "preview", rule=rule(MOBILE)).json()
    assert everybody["shown"] == "up to 3"
    assert ask(owner, "preview", rule=CART).json()["notes"] == []


def test_a_segment_that_speaks_of_the_request_is_left_out_too(owner, shop, make_segment, ask):
    make_segment("on-the-phone", rule(MOBILE))
    answer = ask(owner, "preview", rule=rule(in_segment("on-the-phone"), did("Page Viewed"))).json()
    assert answer["shown"] == "up to 1"
    assert answer["notes"][0].endswith(": are in “On the phone”.")


def test_a_rule_with_problems_is_not_counted(owner, shop, ask):
    response = ask(owner, "count", rule=rule(trait("age", "=", "old")))
    assert response.status_code == 422
    assert "Repair" in response.json()["message"]


def test_counting_is_for_those_who_see_segments(sign_in, ask):
    for name in ("count", "cancel"):
        assert ask(sign_in("view_segment"), name, rule=CART).status_code == 200
        assert ask(sign_in("view_profile"), name, rule=CART).status_code == 403
        assert ask(Client(), name, rule=CART).status_code == 302
        assert sign_in("view_segment").get(address(name)).status_code == 405
        garbage = sign_in("view_segment").post(address(name), "[", content_type="application/json")
        assert garbage.status_code == 400


def address(name: str) -> str:
    return reverse(f"admin:personalization_segment_{name}")


# -- not for ever -------------------------------------------------------------------------------


def run_for_ever() -> None:
    with connection.cursor() as cursor:
        cursor.execute(ENDLESS)


def test_a_query_is_given_up_in_time_and_the_connection_lives(monkeypatch):
    monkeypatch.setattr(bounded_module, "_STEPS", 1000)
    began = monotonic()
    with pytest.raises(OperationalError), bounded(150):
        run_for_ever()
    assert monotonic() - began < 60  # it would run for ever
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_a_quick_query_is_left_alone_and_so_are_later_ones():
    with bounded(50), connection.cursor() as cursor:
        cursor.execute("SELECT 2")
        assert cursor.fetchone() == (2,)
    sleep(0.06)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE counted(n) AS "
            "(SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 200000) "
            "SELECT COUNT(*) FROM counted"
        )
        assert cursor.fetchone() == (200_000,), "the time was for what was inside"


def test_a_count_of_everybody_that_takes_too_long_says_so(owner, shop, ask, monkeypatch):
    monkeypatch.setattr(rule_count, "WHOLE_MILLISECONDS", 50)
    monkeypatch.setattr(bounded_module, "_STEPS", 1000)
    monkeypatch.setattr(rule_count, "count_matching", lambda *_args, **_kwargs: run_for_ever())
    answer = ask(owner, "count", rule=CART, ticket=TICKET).json()
    assert answer == {"count": None, "words": "Counting everybody takes too long."}


def test_nothing_is_stopped_without_a_ticket(owner, ask):
    for ticket in ("", "x", "0" * 31, None, {"a": 1}, "%" * 32):
        assert ask(owner, "cancel", ticket=ticket).json() == {"stopped": 0}
    assert ask(owner, "cancel", ticket=TICKET).json() == {"stopped": 0}, "it is over"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_running_count_is_stopped_by_its_user_alone():
    ended: list[BaseException] = []

    def count() -> None:
        try:
            with bounded(20_000, name=f"pz-count-1-{TICKET}"):
                run_for_ever()
        except OperationalError as error:
            ended.append(error)
        finally:
            connection.close()

    began = timezone.now()
    running = threading.Thread(target=count)
    running.start()
    while running.is_alive():  # it may be told between two statements, when there is none to stop
        assert timezone.now() - began < timedelta(seconds=60)
        assert stop(f"pz-count-2-{TICKET}") == 0
        stop(f"pz-count-1-{TICKET}")
        running.join(timeout=0.1)
    assert len(ended) == 1


def test_a_group_of_nothing_but_the_request_can_match_nobody(owner, shop, ask):
    never = rule(
        did("Product Added"), group(MOBILE, did("Page Viewed", 0), combinator="or", negated=True)
    )
    assert ask(owner, "preview", rule=never).json()["count"] == 0
