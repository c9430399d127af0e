"""The time machine: what a rule would have done, in words and as a picture."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from personalization.admin import rule_replay
from personalization.admin.rule_replay import replay_json
from personalization.segments.replaying import Progress
from personalization.segments.timemachine import Day, Estimate, Overlap, Replay
from tests.admin.rules import did, group, in_segment, rule, trait

pytestmark = pytest.mark.django_db

END = datetime(2026, 3, 31, 12, tzinfo=UTC)


def exactly(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value)


def replayed(**fields: object) -> Replay:
    usual = {
        "start": END - timedelta(days=30), "end": END, "population": 10_000, "wanted": 10_000,
        "replayed": 10_000, "visitors": exactly(1240), "share": exactly(0.124),
        "median_stay": timedelta(hours=3), "days": (), "overlaps": (), "progress": Progress(),
    }  # fmt: skip
    return Replay(**{**usual, **fields})


def test_it_is_said_in_a_sentence():
    answer = replay_json(replayed())
    assert answer["sentence"] == (
        "Over the last 30 days this would have matched 1,240 of 10,000 visitors (12.4 %)."
    )
    assert answer["facts"] == ["Half of the stays last 3\xa0hours or longer."]
    assert answer["finished"] is True


def test_one_day_is_no_days():
    answer = replay_json(replayed(start=END - timedelta(days=1), visitors=exactly(0)))
    assert answer["sentence"].startswith("Over the last day this would have matched 0 of")


@pytest.mark.parametrize(
    ("stay", "fact"),
    [
        (timedelta(days=2, hours=5), "Half of the stays last 2\xa0days or longer."),
        (timedelta(seconds=20), "Half of the stays last less than a minute or longer."),
        (None, "More than half of those who entered are still in it."),
    ],
)
def test_how_long_they_stay(stay, fact):
    assert replay_json(replayed(median_stay=stay))["facts"] == [fact]


def test_nobody_stays_where_nobody_entered():
    assert replay_json(replayed(median_stay=None, visitors=exactly(0)))["facts"] == []


def test_a_sample_says_how_far_off_it_may_be():
    sampled = replayed(
        population=80_000, wanted=2000, replayed=2000,
        visitors=Estimate(value=1240, low=1186, high=1298),
        overlaps=(Overlap(segment_id=1, name="Browsers", share=Estimate(value=0.61, low=0.58, high=0.64)),),
    )  # fmt: skip
    answer = replay_json(sampled)
    assert "matched about 1,240 ± 60 of 80,000 visitors" in answer["sentence"]
    assert answer["facts"][-1].startswith("Estimated from 2,000 visitors")
    assert answer["overlaps"] == [
        {"words": "61 ± 3 % of them were in “Browsers”, too", "percent": 61.0}
    ]


def test_what_is_not_done_says_how_far_it_is():
    answer = replay_json(replayed(replayed=500))
    assert answer["facts"][-1] == "500 of 10,000 visitors replayed so far."
    assert answer["finished"] is False


def test_tiny_overlaps_are_no_news():
    overlaps = tuple(
        Overlap(segment_id=number, name=name, share=exactly(share))
        for number, (name, share) in enumerate([("Loyal", 0.25), ("Odd", 0.004)])
    )
    answer = replay_json(replayed(overlaps=overlaps))
    assert [each["words"] for each in answer["overlaps"]] == ["25 % of them were in “Loyal”, too"]


def test_each_day_has_its_entries():
    days = (Day(date=date(2026, 3, 30), entries=1), Day(date=date(2026, 3, 31), entries=2400.4))
    answer = replay_json(replayed(days=days))
    assert [day["words"] for day in answer["days"]] == ["30 Mar: 1 entry", "31 Mar: 2,400 entries"]
    assert answer["caption"] == "Entries per day; the most, 2,400, on 31 Mar"
    assert replay_json(replayed())["caption"] == ""


# -- asked ----------------------------------------------------------------------------------------

CART = rule(did("Product Added", last="PT24H"), group(did("Order Completed"), negated=True))


@pytest.fixture
def shop(make_visitor):
    """Three visitors with a cart in the last days, one who ordered at once, one who looked."""
    for hours in (30, 60, 90):
        make_visitor(("Product Added", hours))
    make_visitor(("Product Added", 50), ("Order Completed", 50))
    make_visitor(("Page Viewed", 40))


def lines(response: object) -> list[dict[str, object]]:
    assert response.status_code == 200
    assert response["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.getvalue().splitlines()]


def test_a_replay_tells_of_days_that_have_passed(owner, shop, ask):
    [answer] = lines(ask(owner, "replay", rule=CART, days=7))
    assert answer["sentence"] == (
        "Over the last 7 days this would have matched 3 of 5 visitors (60.0 %)."
    )
    assert answer["finished"] is True
    assert answer["facts"] == ["Half of the stays last 1\xa0day or longer."]
    assert sum(day["entries"] for day in answer["days"]) == 3
    [two_days] = lines(ask(owner, "replay", rule=CART, days=2))
    assert "matched 2 of" in two_days["sentence"], "who left before is not counted"


def test_those_it_shares_with_other_segments_are_told(owner, shop, make_segment, ask):
    from django.utils import timezone

    from personalization.segments.refresh import refresh_segments

    make_segment("adders", rule(did("Product Added")))
    refresh_segments(now=timezone.now())
    [answer] = lines(ask(owner, "replay", rule=CART, days=7))
    assert [each["words"] for each in answer["overlaps"]] == ["100 % of them were in “Adders”, too"]


def test_a_replay_becomes_better_line_by_line(owner, shop, ask, monkeypatch):
    replays = rule_replay.replays
    monkeypatch.setattr(
        rule_replay, "replays", lambda *args, **kwargs: replays(*args, **kwargs, chunk=2)
    )
    answers = lines(ask(owner, "replay", rule=CART, days=7, everybody=True))
    assert [answer["finished"] for answer in answers] == [False, False, True]
    assert answers[0]["facts"][-1] == "2 of 5 visitors replayed so far."


def test_a_sample_is_replayed_unless_everybody_is_asked_for(owner, shop, ask, monkeypatch):
    monkeypatch.setattr(rule_replay, "SAMPLE", 3)
    [some] = lines(ask(owner, "replay", rule=CART, days=7))
    assert some["facts"][-1].startswith("Estimated from 3 visitors")
    [everybody] = lines(ask(owner, "replay", rule=CART, days=7, everybody=True))
    assert "matched 3 of 5" in everybody["sentence"]


@pytest.mark.parametrize("days", [0, -1, 367, "7", 1.5, True, None, [7]])
def test_days_that_cannot_be_replayed_are_the_usual_thirty(owner, ask, days):
    [answer] = lines(ask(owner, "replay", rule=CART, days=days))
    assert answer["sentence"].startswith("Over the last 30 days")


def test_what_looks_at_requests_cannot_be_replayed(owner, ask, make_segment):
    mobile = {"kind": "context", "field": "device", "operator": "=", "value": "mobile"}
    make_segment("on-the-phone", rule(mobile))
    for data in (rule(mobile), rule(in_segment("on-the-phone"))):
        response = ask(owner, "replay", rule=data)
        assert response.status_code == 422
        assert "requests are not kept" in response.json()["message"]


def test_a_broken_rule_is_not_replayed(owner, ask):
    response = ask(owner, "replay", rule=rule(trait("age", "=", "old")))
    assert response.status_code == 422
    assert "Repair" in response.json()["message"]
    address = reverse("admin:personalization_segment_replay")
    assert owner.post(address, "[", content_type="application/json").status_code == 400


def test_replaying_is_for_those_who_see_segments(sign_in, ask):
    assert ask(sign_in("view_segment"), "replay", rule=CART).status_code == 200
    assert ask(sign_in("view_profile"), "replay", rule=CART).status_code == 403
    assert ask(Client(), "replay", rule=CART).status_code == 302
