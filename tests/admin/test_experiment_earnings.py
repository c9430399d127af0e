"""What it earns: of contents, slots, segments and all of it, and what is proposed for that."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from personalization.admin.experiment_problems import in_short
from personalization.admin.experiment_words import Names
from personalization.delivery.models import Slot, Variation
from personalization.delivery.published import current_revision
from personalization.experiments.models import Experiment, Finding, Metric
from personalization.experiments.results import Interval, Problem
from personalization.privacy.models import AuditEntry
from tests.admin.experiments import (
    EARNINGS,
    earning,
    experiment,
    find,
    hero,
    metric,
    page,
    said,
    whole,
)

__all__ = ["experiment", "hero", "metric"]

pytestmark = pytest.mark.django_db

ODD = "<script>alert(1)</script>"


def variation(name: str = "Red") -> Variation:
    return Variation.objects.get(name=name)


def propose(*proposals: Any) -> None:
    Finding.objects.update_or_create(
        subject="proposals", defaults={"content": {"proposals": list(proposals)}}
    )


def retire(one: Variation, **values: Any) -> dict[str, Any]:
    usual = {"gained": -1240.0, "gained_low": -2170.0, "gained_high": -310.0}
    return {
        "code": "retire",
        "subject": f"holdout:promo/{one.key}",
        "values": {**usual, **values},
    }


def slot_page(slot: Slot) -> str:
    return reverse("admin:personalization_slot_change", args=(slot.pk,))


# -- what is earned -------------------------------------------------------------------------


def test_before_anything_is_counted_it_says_so(owner: Client) -> None:
    assert "Nothing is counted yet." in said(owner.get(EARNINGS))


@override_settings(PERSONALIZATION_HOLDOUT=0.1, PERSONALIZATION_GLOBAL_HOLDOUT=0.02)
def test_all_slots_segments_and_contents_are_told_with_their_intervals(
    owner: Client, hero: Slot
) -> None:
    find(earning("global"))
    find(earning("slot:promo", "unclear", gained=80.0, gained_interval=Interval(-100, 260)))
    find(earning("segment:guests", "worse"))
    find(earning(f"holdout:promo/{variation().key}"))
    find(earning("holdout:promo/variation:999999"))
    find(earning("holdout:promo/template:0:guests"))
    text = said(owner.get(EARNINGS))
    for words in (
        "Earned +1,240 so far (between +310 and +2,170)", "not sure yet: +80 so far (between −100 and +260)",
        "−1,240 so far, a loss (between −2,170 and −310)", "Guests", "Red", "promo, for guests",
        "what the template has for guests", "not there any more", "10 % see the default instead, and 2 % of all",
    ):  # fmt: skip
        assert words in text
    assert "Nobody is held out" not in text


def test_what_is_wrong_with_a_line_is_said_once() -> None:
    late = Problem(code="late_exposures", severity="warning", values={"share": 0.4, "hours": 24})
    open_ones = [
        Problem(code="window_open", severity="warning", values={"share": share, "metric": metric})
        for share, metric in ((0.02, "orders"), (0.05, "value"), (0.01, "carts"))
    ]
    assert in_short([open_ones[0], late, late, *open_ones[1:]], Names({}), {}) == [
        "40 % of the visitors were reported more than 24 hours late.",
        "For up to 5 % of the visitors the time of a metric is not over yet.",
    ]
    assert in_short([], Names({}), {}) == []


def test_with_too_few_it_says_how_many_are_missing(owner: Client, hero: Slot) -> None:
    find(earning("global", "too_few"))
    text = said(owner.get(EARNINGS))
    assert "Too few: 60 visitors more, of those held out or those who see it." in text
    assert "so far (" not in text


def test_what_cannot_be_trusted_has_no_numbers(owner: Client, hero: Slot) -> None:
    problem = Problem(
        code="shares", severity="error", values={"counted": {"shown": 9}, "expected": {"shown": 5}}
    )
    found = earning("global").to_json() | {"problems": [
        {"code": problem.code, "severity": "error", "values": problem.values}
    ]}  # fmt: skip
    Finding.objects.create(subject="global", content=found)
    text = said(owner.get(EARNINGS))
    assert "The numbers cannot be trusted." in text
    assert "who sees it has 9 instead of 5" in text
    assert "1,240" not in text


def test_where_nobody_is_held_out_it_is_said(owner: Client) -> None:
    assert "Nobody is held out on this site" in said(owner.get(EARNINGS))


@pytest.mark.parametrize("content", [{}, [], {"metrics": 1}, "x", None])
def test_what_nobody_can_read_breaks_no_page(owner: Client, hero: Slot, content: Any) -> None:
    names = ("global", "slot:promo", "segment:x", "holdout:x", "holdout:promo/variation:1")
    for subject in (*names, "proposals", "policies:x", "odd"):
        told = content if content is not None else {"proposals": [None, 1, {"subject": 3}, {}]}
        Finding.objects.create(subject=subject, content=told, error="It broke.")
    assert "The last update failed: It broke." in said(owner.get(EARNINGS))


def test_names_are_shown_as_they_are_and_do_nothing(owner: Client, hero: Slot) -> None:
    red = variation()
    Variation.objects.update(name=ODD)
    Slot.objects.update(name=ODD)
    find(earning("slot:promo"))
    find(earning(f"holdout:promo/{red.key}"))
    find(earning(f"holdout:{ODD}/x"))
    propose(retire(red), {"code": "ship", "subject": f"experiment:{ODD}", "values": {"arm": ODD}})
    raw = owner.get(EARNINGS).content.decode()
    assert "<script>alert" not in raw
    assert ODD in said(owner.get(EARNINGS))
    assert "<script>alert" not in owner.get(slot_page(hero)).content.decode()


def test_it_asks_as_much_of_the_database_however_much_is_found(
    owner: Client, hero: Slot, django_assert_max_num_queries: Any
) -> None:
    find(earning(f"holdout:promo/{variation().key}"))
    propose(retire(variation()))
    with django_assert_max_num_queries(12) as few:
        owner.get(EARNINGS)
    for n in range(30):
        find(earning(f"holdout:promo/variation:{10_000 + n}"))
        find(earning(f"slot:slot-{n}"))
    with django_assert_max_num_queries(len(few)):
        owner.get(EARNINGS)


# -- what is proposed -----------------------------------------------------------------------


def test_what_loses_is_paused_with_a_click(owner: Client, hero: Slot) -> None:
    red = variation()
    propose(retire(red))
    text = said(owner.get(EARNINGS))
    assert "“Red” in promo loses: −1,240 (between −2,170 and −310). Pause it." in text
    action = page("pause", red.pk)
    assert action in text
    before = current_revision()
    assert "“Red” is paused" in said(owner.post(action, follow=True))
    red.refresh_from_db()
    assert not red.active
    assert current_revision() > before
    entry = AuditEntry.objects.get(kind="variation")
    assert entry.number == str(red.pk)
    assert "was paused before" in said(owner.post(action, follow=True))
    assert AuditEntry.objects.filter(kind="variation").count() == 1


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_it_is_paused_by_post_alone(owner: Client, hero: Slot, method: str) -> None:
    assert getattr(owner, method)(page("pause", variation().pk)).status_code == 403
    assert variation().active


def test_it_takes_the_permission_to_change_variations(sign_in: Any, hero: Slot) -> None:
    red = variation()
    propose(retire(red))
    looking = sign_in("view_experiment", "run_experiment", "view_variation")
    text = said(looking.get(EARNINGS))
    assert "Pause it." in text
    assert page("pause", red.pk) not in text
    assert looking.post(page("pause", red.pk)).status_code == 403
    assert sign_in("change_variation").get(EARNINGS).status_code == 403


@pytest.mark.parametrize("pk", [0, 2**31, 2**63, 10**30])
def test_one_that_there_is_not_leads_to_the_slots(owner: Client, pk: int) -> None:
    assert "any more" in said(owner.post(page("pause", pk), follow=True))


def test_what_stands_in_a_template_is_told_without_a_button(owner: Client) -> None:
    propose({"code": "retire", "subject": "holdout:promo/template:0:guests", "values": {}})
    text = said(owner.get(EARNINGS))
    assert "It stands in a template." in text
    assert "by what decides" in text
    assert "/pause/" not in text


@pytest.mark.parametrize(("code", "told"), [("stop", "does harm"), ("ship", "Red is better")])
def test_an_experiment_is_stopped_with_a_click(
    owner: Client, hero: Slot, metric: Metric, code: str, told: str
) -> None:
    running = whole(hero, metric, status="running")
    propose({"code": code, "subject": "experiment:red-hero", "values": {"arm": "b"}})
    text = said(owner.get(EARNINGS))
    assert told in text
    assert page("stop", running.pk) in text
    owner.post(page("stop", running.pk))
    assert told not in said(owner.get(EARNINGS))  # it does not run any more


def test_what_is_not_understood_is_left_out(owner: Client, experiment: Experiment) -> None:
    propose(
        {"code": "dance", "subject": f"holdout:promo/{variation().key}"},
        {"code": "retire", "subject": "holdout:gone/variation:999999"},
        {"code": "ship", "subject": "experiment:red-hero"},  # does not run
        {"code": "retire", "subject": "slot:promo"},
    )
    assert "What to do" not in said(owner.get(EARNINGS))


# -- on the pages of slots ------------------------------------------------------------------


@override_settings(PERSONALIZATION_HOLDOUT=0.1)
def test_the_page_of_a_slot_tells_what_each_variation_earned(owner: Client, hero: Slot) -> None:
    find(earning("slot:promo"))
    find(earning(f"holdout:promo/{variation('Blue').key}", "worse"))
    Variation.objects.filter(name="Red").update(holdout=0.25)
    text = said(owner.get(slot_page(hero)))
    assert "Earned +1,240 so far (between +310 and +2,170)" in text
    assert "−1,240 so far, a loss" in text
    assert "held out 25 %" in text
    assert "held out 10 %" in text


def test_who_may_not_see_experiments_sees_no_earnings(sign_in: Any, hero: Slot) -> None:
    find(earning("slot:promo"))
    text = said(sign_in("view_slot", "view_variation").get(slot_page(hero)))
    assert "+1,240" not in text
    assert "nobody held out" in text


@pytest.mark.parametrize(("holdout", "warned"), [("0", True), ("0.2", False), ("", False)])
def test_a_variation_that_holds_nobody_out_is_warned_of(
    owner: Client, hero: Slot, holdout: str, warned: bool
) -> None:
    form = {
        "name": "Promo", "description": "", "strategy": "", "trigger": "", "trigger_value": "",
        "presentation": "place", "cap_total": "", "cap_daily": "", "cap_ignored": "",
        "variations-TOTAL_FORMS": 1, "variations-INITIAL_FORMS": 1,
        "variations-MIN_NUM_FORMS": 0, "variations-MAX_NUM_FORMS": 1000,
        **{f"variations-0-{name}": value for name, value in {
            "id": variation().pk, "slot": hero.pk, "segment": variation().segment_id,
            "name": "Red", "content": "<p>", "active": "on", "priority": "1", "share": "1",
            "holdout": holdout,
        }.items()},
    }  # fmt: skip
    text = said(owner.post(slot_page(hero), form, follow=True))
    assert "was changed successfully" in text
    assert ("Nobody is held out from “Red”" in text) == warned
