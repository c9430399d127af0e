"""How every model is, on one page: what serves, what became of trainings, drift, what to look at."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from personalization.admin.model_overview import Card, _asked, cards
from personalization.events.goals import Goal
from personalization.ml.models import ModelVersion
from personalization.ml.training.attempts import request, stop
from personalization.ml.training.list_clicks import Clicked, Clicks
from personalization.ml.training.outdated import mark_outdated
from personalization.ml.training.plans import Order
from personalization.ml.training.sequence_plan import ALGORITHM as SEQUENCES
from personalization.ml.training.versions import roll_back
from personalization.ml.training.watched import SCORE, Calibration, Slow, Watched
from personalization.ml.unfit import TooLittleData
from personalization.ml.verdicts import CalibrationDrift, ColumnDrift, Verdict
from tests.delivery.people import make_person
from tests.ml.training.conftest import DAY, HOUR, NOW, damage, kitchen, shop, trained
from tests.ml.training.counting import NAME, Kitchen, plan

__all__ = ["kitchen", "shop", "trained"]

pytestmark = pytest.mark.django_db
Trained = Callable[..., ModelVersion]
LIST = reverse("admin:personalization_modelversion_changelist")


def card(name: str = NAME, *, now: Any = NOW) -> Card:
    return next(each for each in cards(now=now) if each.state.name == name)


def facts(name: str = NAME, *, now: Any = NOW) -> dict[str, str]:
    return {name: html.unescape(str(words)) for name, words in card(name, now=now).facts}


def alerts(name: str = NAME, *, now: Any = NOW) -> list[str]:
    return [alert.sentence for alert in card(name, now=now).alerts]


def column(name: str, verdict: Verdict, psi: float = 0.0) -> ColumnDrift:
    return ColumnDrift(name=name, rows=500, psi=psi, ks=psi / 2, verdict=verdict)


def watch(version: ModelVersion, **found: Any) -> None:
    """Keep what a look at a version found, as `check_models` does."""
    version.watched = Watched(version=version, at=NOW, **found).written()
    version.save()


def calibration(verdict: Verdict) -> Calibration:
    drift = CalibrationDrift(rows=400, then=0.02, now=0.09, by_chance=0.01, verdict=verdict)
    return Calibration(drift=drift, since=NOW - 9 * DAY, until=NOW - 2 * DAY, own=True)


def clicks(own: tuple[int, int], popularity: tuple[int, int]) -> Clicks:
    return Clicks(
        since=NOW - 30 * DAY,
        own=Clicked(by=f"{NAME} 1", lists=own[0], clicked=own[1]),
        popularity=Clicked(by="popularity", lists=popularity[0], clicked=popularity[1]),
    )


# -- what serves and what became of trainings ------------------------------------------------


def test_a_model_that_serves_tells_its_version_age_figure_and_next_training(
    trained: Trained,
) -> None:
    trained(now=NOW - 5 * HOUR)
    found = facts()
    assert "version 1" in found["Serves"]
    assert "begun 5\xa0hours ago" in found["Serves"]
    assert found["How good it is"] == "hit rate@20 0.50 (popularity 0.20)"
    assert found["Last training"].endswith("version 1</a> serves.")
    assert "3 Mar 2026, 03:00" in found["Next training"]
    assert card().mark == ("fresh", "well")


def test_a_model_that_was_promoted_lately_says_how_far_it_came(trained: Trained) -> None:
    version = trained()
    assert "Asked about" not in facts()
    ModelVersion.objects.filter(pk=version.pk).update(scored_up_to=0)
    assert facts()["Asked about"].startswith("0 % of the visitors so far")
    last = make_person().profile.pk
    ModelVersion.objects.filter(pk=version.pk).update(scored_up_to=last - last // 2)
    shown = 100 * (last - last // 2) // last
    assert facts()["Asked about"].startswith(f"{shown} % of the visitors")
    assert _asked(0.996).startswith("99 %"), "not all of them yet"


def test_each_model_that_is_shipped_says_what_it_is_for(owner: Client) -> None:
    Goal.objects.create(slug="order", name="An <order>", event="Order Completed")
    said = {each.state.name: each.state.plan and each.state.plan.purpose for each in cards(now=NOW)}
    assert said["propensity.order"] == "How likely each visitor is to reach “An <order>” soon."
    assert said["sequences.order"] == "What leads to “An <order>”, and where visits end before."
    assert all(said[name] for name in ("churn", "cluster.personas", "recommend"))
    text = owner.get(reverse("admin:personalization_modelversion_changelist")).content.decode()
    assert "reach “An &lt;order&gt;” soon.</p>" in text


def test_what_was_begun_within_a_minute_was_so_just_now(trained: Trained) -> None:
    trained(now=NOW - HOUR / 61)
    assert facts()["Serves"].endswith("begun just now")


def test_a_model_that_was_never_trained_is_no_alarm(shop: Any) -> None:
    assert facts() == {
        "Serves": "nothing yet", "Last training": "none yet",
        "Next training": "as soon as a worker is free",
    }  # fmt: skip
    assert (card().mark, alerts()) == (("off", "nothing serves"), [])


def test_a_refused_one_says_why_and_is_no_alarm(trained: Trained, kitchen: Kitchen) -> None:
    trained(now=NOW - HOUR)
    kitchen.value = 0.1
    trained()
    words = facts()["Last training"]
    assert "version 2</a> was refused. It is not better than popularity: hit rate@20 0.1" in words
    assert "version 1" in facts()["Serves"]
    assert alerts() == []


def test_one_that_is_good_enough_waits_for_somebody(trained: Trained) -> None:
    trained(mode="never")
    assert "is good enough, and waits for somebody" in facts()["Last training"]


def test_one_that_somebody_went_back_from_says_so(trained: Trained) -> None:
    trained(now=NOW - HOUR)
    roll_back(trained(), now=NOW)
    assert "version 2</a> served, until somebody went back" in facts()["Last training"]


def test_a_failure_is_an_alarm_while_another_version_serves(trained: Trained) -> None:
    trained(now=NOW - HOUR)
    trained(plan(config={"power": 99}))
    assert "failed: “power” is 99; allowed: 0 to 4." in facts()["Last training"]
    (sentence,) = alerts()
    assert sentence.startswith("Its last training failed: “power” is 99")
    assert card().alerts[0].version.number == 2
    assert card().mark == ("broken", "look")


def lacks(order: Order) -> None:
    raise TooLittleData("Needs 200 converters, has 17.")


@pytest.mark.parametrize("serves", [False, True])
def test_too_little_data_is_no_alarm(serves: bool, trained: Trained, kitchen: Kitchen) -> None:
    if serves:
        trained(now=NOW - HOUR)
    kitchen.meanwhile = lacks
    version = trained()
    assert (version.status, version.error) == ("lacking", "Needs 200 converters, has 17.")
    assert alerts() == []
    told = "had too little to learn from: Needs 200 converters, has 17."
    assert told in facts()["Last training"]
    assert card().mark == (("fresh", "well") if serves else ("pending", "waits for more data"))


def test_a_failure_that_was_made_up_for_is_none(trained: Trained) -> None:
    trained(plan(config={"power": 99}), now=NOW - HOUR)
    trained()
    assert alerts() == []


def test_one_in_training_may_not_be_asked_for(shop: Any) -> None:
    version = request(plan(), now=NOW)
    assert card().mark == ("pending", "in training")
    assert not card().may_be_trained
    assert "Next training" not in facts()
    stop(version, by="owner", now=NOW)
    assert card().may_be_trained


def test_a_model_without_a_plan_says_so(shop: Any, trained: Trained) -> None:
    trained(plan("former"))
    shop(plan())
    assert facts("former")["Next training"] == "there is no plan any more"
    assert not card("former").may_be_trained


def test_what_is_stale_outdated_and_damaged_is_an_alarm(trained: Trained) -> None:
    damage(trained(now=NOW - 5 * DAY))
    mark_outdated(at=NOW)
    damaged, outdated, stale = alerts()
    assert "is damaged" in damaged
    assert "erased meanwhile" in outdated
    assert "was begun 5 days ago" in stale


def test_a_damaged_artefact_is_an_alarm_while_the_version_before_serves(trained: Trained) -> None:
    trained(now=NOW - HOUR)
    damage(trained())
    (sentence,) = alerts()
    assert sentence.endswith("Version 1 serves in its place.")


def test_what_is_damaged_is_told_once(trained: Trained) -> None:
    version = trained()
    damage(version)
    watch(version, problem="The stored model has another checksum.")
    (sentence,) = alerts()
    assert "is damaged" in sentence
    assert "The stored model has another checksum." in facts()["Drift"]


# -- what the last look found ----------------------------------------------------------------


def test_before_the_first_look_nothing_is_claimed(trained: Trained) -> None:
    trained()
    assert facts()["Drift"] == "not looked for yet; a worker does so once a day"
    assert "Calibration" not in facts()
    assert "Lists lead to an item" not in facts()


def test_sequences_are_asked_about_nobody(trained: Trained) -> None:
    trained()
    ModelVersion.objects.update(algorithm=SEQUENCES)
    assert facts()["Drift"].startswith("is not looked for")


def test_the_column_that_moved_furthest_is_named_with_when_it_was_looked_at(
    trained: Trained,
) -> None:
    columns = [column("visits", "moved", 0.2), column("pages", "steady"), column(SCORE, "steady")]
    watch(trained(), columns=columns)
    words = facts()["Drift"]
    assert 'pz-state-pending">moved</span> “visits” is moved (PSI 0.20' in words
    assert "Looked at 2 Mar 2026, 12:00" in words
    assert alerts() == []


def test_what_has_drifted_is_an_alarm(trained: Trained) -> None:
    watch(trained(), columns=[column("visits", "drifted", 0.4), column("pages", "steady")])
    (sentence,) = alerts()
    assert sentence == "It has drifted: “visits” is drifted (PSI 0.40, KS 0.20)."


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"columns": [column(SCORE, "drifted", 0.4)]}, "What it says of visitors is spread"),
        (
            {"slow": Slow(since=NOW - 30 * DAY, columns=[column("visits", "drifted", 0.3)])},
            "Since 2026-01-31: “visits” is drifted",
        ),
        ({"calibration": calibration("drifted")}, "Its probabilities from 2026-02-21"),
        ({"problem": "Nothing is stored of it."}, "Nobody knows whether it drifts: Nothing is"),
        ({"clicks": clicks((1000, 50), (1000, 200))}, "Its lists lead to an item in 5.0%"),
    ],
)
def test_every_way_to_drift_is_an_alarm_in_words(
    trained: Trained, found: dict[str, Any], said: str
) -> None:
    watch(trained(), **found)
    (sentence,) = alerts()
    assert said in sentence


def test_calibration_and_clicks_are_told_beside_others(trained: Trained) -> None:
    watch(trained(), calibration=calibration("steady"), clicks=clicks((1000, 200), (1000, 150)))
    found = facts()
    assert "were off by 0.090 on average, 0.020 when they were trained" in found["Calibration"]
    assert found["Lists lead to an item"].startswith("20.0% (")
    assert "; popularity 15.0% (" in found["Lists lead to an item"]
    assert alerts() == []


def test_too_few_lists_are_no_share(trained: Trained) -> None:
    watch(trained(), clicks=clicks((3, 1), (0, 0)))
    words = facts()["Lists lead to an item"]
    assert "needs 100" in words
    assert "%" not in words


# -- page ------------------------------------------------------------------------------------


def test_the_page_begins_with_what_needs_a_look(owner: Client, trained: Trained, shop: Any) -> None:
    trained(plan("other", config={"power": 99}), now=timezone.now())
    trained(now=timezone.now())
    shop(plan(), plan("other"))
    text = html.unescape(owner.get(LIST).content.decode())
    failed = ModelVersion.objects.get(name="other")
    address = reverse("admin:personalization_modelversion_change", args=[failed.pk])
    assert f'<a href="{address}">other 1</a> Its last training failed' in text
    assert text.index("What needs a look") < text.index("How each model is")


def test_where_all_is_well_the_page_says_so(owner: Client, trained: Trained) -> None:
    trained(now=timezone.now())
    assert "No model needs a look." in owner.get(LIST).content.decode()


def test_without_models_nothing_is_said_to_be_well(owner: Client, shop: Any) -> None:
    shop()
    text = owner.get(LIST).content.decode()
    assert "There is no model to train." in text
    assert "No model needs a look." not in text


def test_what_errors_and_remarks_say_is_text(owner: Client, trained: Trained) -> None:
    version = trained(now=timezone.now())
    watch(version, problem="<b>odd</b>")
    ModelVersion.objects.create(
        name=NAME, number=2, algorithm="a", status="failed", error="<i>odd</i>"
    )
    content = owner.get(LIST).content.decode()
    assert "<b>odd" not in content
    assert "<i>odd" not in content
    assert "&lt;b&gt;odd" in content


def queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as asked:
        client.get(LIST)
    return len(asked)


def test_the_page_takes_no_more_queries_for_many_models_than_for_one(
    owner: Client, trained: Trained, shop: Any
) -> None:
    now = timezone.now()
    watch(trained(now=now), columns=[column("visits", "drifted", 0.4)])
    queries(owner)
    few = queries(owner)
    names = ("one", "two", "three", "four")
    for name in names:
        watch(trained(plan(name), now=now - HOUR), columns=[column("visits", "moved", 0.2)])
        trained(plan(name, config={"power": 99}), now=now)
    shop(plan(), *(plan(name) for name in names))
    assert queries(owner) == few
