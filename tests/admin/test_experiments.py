"""Experiments as a site owner writes them down, starts and stops them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from personalization.delivery.models import Slot, Variation
from personalization.delivery.rule_arms import segment_of
from personalization.events.goals import Goal
from personalization.experiments.models import Arm, Experiment, Measure, Metric
from personalization.ml.models import ModelVersion
from personalization.privacy.models import AuditEntry
from personalization.segments.models import Segment
from tests.admin.experiments import (
    ADD,
    LIST,
    errors_of,
    experiment,
    form_of,
    hero,
    metric,
    page,
    said,
    save,
    whole,
)
from tests.admin.rules import CART

__all__ = ["experiment", "hero", "metric"]

pytestmark = pytest.mark.django_db

BEGUN = f"{ADD}?kind=variations&slot=promo"


def key(name: str) -> str:
    return Variation.objects.get(name=name).key


def add(client: Client, metric: Metric, **fields: Any) -> Any:
    """Post a whole form for a new experiment, with these fields changed."""
    whole_form = {
        "arms-0-content": "", "arms-0-name": "Default", "arms-0-weight": "50",
        "arms-1-content": key("Red"), "arms-1-name": "", "arms-1-weight": "50",
        "measures-0-metric": metric.pk, "measures-0-role": "primary",
    }  # fmt: skip
    changed = {name.replace("__", "-"): value for name, value in fields.items()}
    return client.post(BEGUN, {**form_of(), **whole_form, **changed}, follow=True)


# -- what is compared comes first -----------------------------------------------------------


def test_first_it_is_asked_what_is_compared(owner: Client, hero: Slot) -> None:
    text = said(owner.get(ADD))
    for words in ("What do you compare?", "Contents of a slot", "Versions of what recommends"):
        assert words in text
    assert "id_name" not in text


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("?kind=variations", "slot"),
        ("?kind=variations&slot=nowhere", "slot"),
        ("?kind=rules", "segment"),
        ("?kind=rules&segment=nobody", "segment"),
        ("?kind=magic", "kind"),
        ("?kind=models&list=no slug", "list"),
    ],
)
def test_what_there_is_not_cannot_be_compared(
    owner: Client, hero: Slot, asked: str, told: str
) -> None:
    response = owner.get(ADD + asked)
    assert told in response.context["form"].errors


def test_then_the_form_begins_with_two_arms_of_what_the_slot_has(owner: Client, hero: Slot) -> None:
    Variation.objects.filter(name="Blue").update(active=False)
    response = owner.get(BEGUN)
    arms = response.context["inline_admin_formsets"][0].formset
    assert [form["weight"].value() for form in arms.forms] == [50, 50]
    assert [form["content"].value() for form in arms.forms] == ["", key("Red")]
    labels = dict(arms.forms[0].fields["content"].choices)
    assert labels == {"": "the default of the slot", key("Red"): "Red, for Guests"}
    assert response.context["adminform"].form["place"].value() == "promo"


def test_strategies_rules_and_models_offer_what_they_are(
    owner: Client, hero: Slot, make_segment: Any
) -> None:
    segment = make_segment("cart", CART)
    segment.versions.create(number=7, rule=CART, note="wider")
    ModelVersion.objects.create(name="recommend", number=3, algorithm="ease", status="serving")
    ModelVersion.objects.create(name="recommend", number=4, algorithm="ease", status="failed")
    ModelVersion.objects.create(name="propensity.order", number=5, algorithm="x")
    offered = {
        "?kind=strategies&only_in=promo": ["priority", "weight", "random", "all"],
        "?kind=rules&segment=cart": ["cart:7", "cart:1"],
        "?kind=models": ["recommend:3"],
    }
    for asked, contents in offered.items():
        formset = owner.get(ADD + asked).context["inline_admin_formsets"][0].formset
        assert [one for one, _label in formset.forms[0].fields["content"].choices] == contents


# -- a draft --------------------------------------------------------------------------------


def test_an_experiment_is_kept_with_its_arms_and_metrics(owner: Client, hero: Slot, metric: Metric) -> None:  # fmt: skip
    text = said(add(owner, metric, coverage="30", ramp="2030-05-01 09:00 50 %"))
    experiment = Experiment.objects.get()
    assert (experiment.status, experiment.kind, experiment.place) == (
        "draft",
        "variations",
        "promo",
    )
    assert experiment.coverage == pytest.approx(0.3)
    assert experiment.ramp[0][1] == pytest.approx(0.5)
    arms = experiment.arms.values_list("key", "content", "weight", "position")
    assert list(arms) == [("a", "", 0.5, 0), ("b", key("Red"), 0.5, 1)]
    assert experiment.measures.get().metric == metric
    assert "was added successfully" in text
    assert AuditEntry.objects.get(kind="experiment").name == "Red hero"


def test_a_third_arm_gets_the_next_letter_and_a_lost_one_leaves_the_others_theirs(
    owner: Client, experiment: Experiment
) -> None:
    form = {
        "arms__TOTAL_FORMS": 3, "arms__0__weight": "40", "arms__1__weight": "30",
        "arms__2__content": key("Blue"), "arms__2__weight": "30",
    }  # fmt: skip
    assert errors_of(save(owner, experiment, **form)) == {}
    assert list(experiment.arms.values_list("key", flat=True)) == ["a", "b", "c"]
    gone = {"arms__1__DELETE": "on", "arms__0__weight": "50", "arms__2__weight": "50"}
    assert errors_of(save(owner, experiment, **gone)) == {}
    assert list(experiment.arms.values_list("key", flat=True)) == ["a", "c"]


@pytest.mark.parametrize(
    ("fields", "at", "told"),
    [
        ({"arms__0__weight": "60"}, "arms", "add up to 110 %, not to 100 %: take away 10 %"),
        ({"arms__1__DELETE": "on", "arms__0__weight": "100"}, "arms", "two arms or more"),
        ({"arms__0__weight": "0", "arms__1__weight": "100"}, "arms-0-weight", "Nobody would come"),
        ({"arms__0__weight": "-1"}, "arms-0-weight", "greater than or equal to 0"),
        ({"arms__0__weight": "much"}, "arms-0-weight", "Enter a number"),
        ({"arms__1__content": "variation:999999"}, "arms-1-content", "not one of the available"),
        ({"coverage": "0"}, "coverage", "above 0 %"),
        ({"coverage": "101"}, "coverage", "less than or equal to 100"),
        ({"ramp": "soon"}, "ramp", "“soon” is no step"),
        ({"ramp": "2030-01-01 09:00 50 %", "coverage": "80"}, "ramp", "50 % is not between 80 %"),
        (
            {"ramp": "2030-01-02 09:00 50 %\n2030-01-01 09:00 60 %", "coverage": "10"},
            "ramp", "does not come after",
        ),
        (
            {"starts_at_0": "2030-01-02", "starts_at_1": "09:00:00",
             "ends_at_0": "2030-01-01", "ends_at_1": "09:00:00"},
            "ends_at", "ends before it begins",
        ),
        (
            {"namespace": "shop", "namespace_from": "50", "namespace_until": "40"},
            "namespace_until", "has to end after it begins",
        ),
        ({"place": ""}, "place", "Say which slot"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field(
    owner: Client, experiment: Experiment, fields: dict[str, Any], at: str, told: str
) -> None:
    before = Experiment.objects.values().get()
    found = errors_of(save(owner, experiment, **fields))
    assert at in found, found
    assert told in " ".join(found[at])
    assert Experiment.objects.values().get() == before


def test_what_is_shown_twice_is_said_at_the_second_arm(owner: Client, experiment: Experiment) -> None:  # fmt: skip
    form = {
        "arms__TOTAL_FORMS": 3, "arms__0__weight": "40", "arms__1__weight": "30",
        "arms__2__content": key("Red"), "arms__2__weight": "30",
    }  # fmt: skip
    found = errors_of(save(owner, experiment, **form))
    assert "same as arm 2" in found["arms-2-content"][0]


def test_a_part_of_a_namespace_that_runs_is_refused_with_what_is_free(
    owner: Client, hero: Slot, metric: Metric, experiment: Experiment
) -> None:
    whole(
        hero, metric, slug="other", name="Other", status="running", namespace="shop",
        namespace_until=0.4,
    )  # fmt: skip
    found = errors_of(save(owner, experiment, namespace="shop"))
    assert "“Other” has 0 % to 40 %" in found["namespace_from"][0]
    assert "Free: 40 % to 100 %." in found["namespace_from"][0]
    assert errors_of(save(owner, experiment, namespace="shop", namespace_from="40")) == {}


def test_what_an_arm_shows_that_is_gone_is_kept_and_named(owner: Client, experiment: Experiment) -> None:  # fmt: skip
    Variation.objects.filter(name="Red").update(active=False)
    text = said(owner.get(page("change", experiment.pk)))
    assert "is not there any more, or not active" in text
    found = errors_of(save(owner, experiment))
    assert "does not have this content" in found["arms-1-content"][0]


def test_the_slug_stays_as_events_know_it(owner: Client, experiment: Experiment) -> None:
    save(owner, experiment, slug="renamed", name="Renamed")
    experiment.refresh_from_db()
    assert (experiment.slug, experiment.name) == ("red-hero", "Renamed")


@pytest.mark.parametrize(("days", "told"), [(None, "ever came"), (40, "in the last 30 days")])
def test_a_goal_without_events_is_warned_of(
    owner: Client, experiment: Experiment, make_profile: Any, make_event: Any, days: Any, told: str
) -> None:
    if days:
        make_event(make_profile(), "Order Completed", at=timezone.now() - timedelta(days=days))
    text = said(save(owner, experiment))
    assert "No “Order Completed”" in text
    assert told in text


def test_a_goal_with_events_is_not(owner: Client, experiment: Experiment, make_visitor: Any) -> None:  # fmt: skip
    make_visitor(("Order Completed", 2))
    assert "stays at nothing" not in said(save(owner, experiment))


def test_the_page_of_a_draft_says_what_is_in_the_way(owner: Client, experiment: Experiment) -> None:
    Measure.objects.all().delete()
    text = said(owner.get(page("change", experiment.pk)))
    assert "It cannot start as it is saved:" in text
    assert "No metric decides yet" in text
    assert "Start it" not in text


# -- start and stop -------------------------------------------------------------------------


def test_a_whole_draft_is_started_by_a_button(owner: Client, experiment: Experiment) -> None:
    text = said(owner.get(page("change", experiment.pk)))
    assert "Start it" in text
    assert "“Red hero” runs now." in said(owner.post(page("start", experiment.pk), follow=True))
    experiment.refresh_from_db()
    assert (experiment.status, experiment.seed) == ("running", "red-hero")
    entry = AuditEntry.objects.get(kind="experiment")
    assert entry.detail["what"] == "Started"


def test_what_is_in_the_way_is_said_and_it_does_not_start(
    owner: Client, experiment: Experiment
) -> None:
    Arm.objects.filter(key="b").update(weight=0.7)
    Variation.objects.filter(name="Red").delete()
    text = said(owner.post(page("start", experiment.pk), follow=True))
    assert "add up to 120 %" in text
    assert "does not have this content" in text
    experiment.refresh_from_db()
    assert experiment.status == "draft"
    assert not AuditEntry.objects.filter(kind="experiment").exists()


def test_it_is_stopped_with_what_came_of_it(owner: Client, experiment: Experiment) -> None:
    owner.post(page("start", experiment.pk))
    asked = {"conclusion": "Red won"}
    assert "is stopped" in said(owner.post(page("stop", experiment.pk), asked, follow=True))
    experiment.refresh_from_db()
    assert (experiment.status, experiment.conclusion) == ("stopped", "Red won")
    assert "nothing to stop" in said(owner.post(page("stop", experiment.pk), follow=True))


def test_versions_of_rules_are_kept_while_it_runs(
    owner: Client, metric: Metric, make_segment: Any
) -> None:
    segment = make_segment("cart", CART)
    segment.versions.create(number=7, rule=CART)
    rules = Experiment.objects.create(slug="rules", name="Rules", kind="rules")
    for n, version in enumerate((1, 7)):
        Arm.objects.create(
            experiment=rules, key="ab"[n], content=f"cart:{version}", position=n, weight=0.5
        )
    Measure.objects.create(experiment=rules, metric=metric)
    kept = Segment.objects.filter(slug__in=[segment_of("rules", "a"), segment_of("rules", "b")])
    owner.post(page("start", rules.pk))
    assert kept.count() == 2
    owner.post(page("stop", rules.pk))
    assert not kept.exists()


@pytest.mark.parametrize("deed", ["start", "stop"])
@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_it_is_started_and_stopped_by_post_alone(
    owner: Client, experiment: Experiment, deed: str, method: str
) -> None:
    before = Experiment.objects.values().get()
    assert getattr(owner, method)(page(deed, experiment.pk)).status_code == 403
    assert Experiment.objects.values().get() == before


@pytest.mark.parametrize("deed", ["start", "stop"])
def test_it_takes_the_permission_to_run_and_a_token(
    sign_in: Any, experiment: Experiment, deed: str
) -> None:
    client = sign_in("view_experiment", "change_experiment", "delete_experiment")
    assert client.post(page(deed, experiment.pk)).status_code == 403
    assert "Start it" not in said(client.get(page("change", experiment.pk)))
    runner = sign_in("view_experiment", "run_experiment")
    assert runner.post(page(deed, experiment.pk)).status_code == 302
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = runner.cookies
    assert careful.post(page(deed, experiment.pk)).status_code == 403


@pytest.mark.parametrize("deed", ["start", "stop"])
@pytest.mark.parametrize("pk", [0, 2**31, 2**63, 10**30])
def test_one_that_there_is_not_leads_to_the_list(owner: Client, deed: str, pk: int) -> None:
    assert "no such experiment any more" in said(owner.post(page(deed, pk), follow=True))


# -- while it runs --------------------------------------------------------------------------


@pytest.fixture
def running(owner: Client, experiment: Experiment) -> Experiment:
    owner.post(page("start", experiment.pk))
    experiment.refresh_from_db()
    return experiment


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"seed": "other"}, "seed"),
        ({"coverage": "50"}, "coverage"),
        ({"namespace": "shop"}, "namespace"),
        ({"allocation": "thompson"}, "allocation"),
        ({"place": "footer"}, "place"),
        ({"kind": "models"}, "kind"),
        ({"arms__0__weight": "60", "arms__1__weight": "40"}, "arms-0-weight"),
        ({"arms__1__content": "BLUE"}, "arms-1-content"),
        (
            {"arms__1__DELETE": "on", "arms__TOTAL_FORMS": 3, "arms__2__content": "BLUE",
             "arms__2__weight": "50"},
            "arms",
        ),
        ({"measures__0__role": "secondary"}, "measures"),
    ],
)  # fmt: skip
def test_what_would_move_visitors_is_refused_with_what_to_do_instead(
    owner: Client, running: Experiment, fields: dict[str, Any], at: str
) -> None:
    fields = {name: key("Blue") if value == "BLUE" else value for name, value in fields.items()}
    before = Experiment.objects.values().get(), list(Arm.objects.values()), list(Measure.objects.values())  # fmt: skip
    found = errors_of(save(owner, running, **fields))
    assert at in found, found
    if at != "measures":
        assert "start a new one" in " ".join(found[at])
    assert before == (Experiment.objects.values().get(), list(Arm.objects.values()), list(Measure.objects.values()))  # fmt: skip


def test_another_audience_is_refused(owner: Client, running: Experiment, hero: Slot) -> None:
    guests = Segment.objects.get(slug="guests")
    assert "stays with its audience" in errors_of(save(owner, running, audience=guests.pk))["audience"][0]  # fmt: skip


def test_an_audience_that_is_not_active_any_more_stays(owner: Client, running: Experiment) -> None:
    guests = Segment.objects.get(slug="guests")
    Experiment.objects.update(audience=guests)
    Segment.objects.update(active=False)
    Variation.objects.update(active=True)
    found = errors_of(save(owner, running, audience=guests.pk, name="Renamed"))
    assert "audience" not in found


def test_names_words_its_end_and_metrics_may_change(
    owner: Client, running: Experiment, metric: Metric
) -> None:
    more = Metric.objects.create(slug="bounce", name="Bounce", kind="bounce", less_is_better=True)
    fields = {
        "name": "Renamed", "hypothesis": "Red sells", "ends_at_0": "2090-01-01",
        "ends_at_1": "09:00:00", "arms__1__name": "The red one", "measures__TOTAL_FORMS": 2,
        "measures__1__metric": more.pk, "measures__1__role": "guardrail",
    }  # fmt: skip
    assert errors_of(save(owner, running, **fields)) == {}
    running.refresh_from_db()
    assert (running.name, running.hypothesis) == ("Renamed", "Red sells")
    assert running.ends_at is not None
    assert running.arms.get(key="b").name == "The red one"
    assert running.measures.count() == 2


def test_more_visitors_are_fine(owner: Client, running: Experiment) -> None:
    Experiment.objects.update(coverage=0.2)
    running.refresh_from_db()
    assert errors_of(save(owner, running, coverage="60")) == {}
    running.refresh_from_db()
    assert running.coverage == pytest.approx(0.6)


def test_of_what_is_over_only_words_can_change(owner: Client, running: Experiment) -> None:
    owner.post(page("stop", running.pk))
    form = {**form_of(running), "conclusion": "Red won", "seed": "x", "arms-0-weight": "90"}
    owner.post(page("change", running.pk), form, follow=True)
    running.refresh_from_db()
    assert (running.conclusion, running.seed) == ("Red won", "red-hero")
    assert running.arms.get(key="a").weight == pytest.approx(0.5)


def test_what_runs_is_not_deleted(owner: Client, running: Experiment) -> None:
    assert owner.post(page("delete", running.pk), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [running.pk], "post": "yes"}
    owner.post(LIST, chosen, follow=True)
    assert Experiment.objects.filter(pk=running.pk).exists()
    owner.post(page("stop", running.pk))
    owner.post(page("delete", running.pk), {"post": "yes"})
    assert not Experiment.objects.exists()


# -- metrics --------------------------------------------------------------------------------


def state_metric(client: Client, **fields: Any) -> Any:
    form = {"name": "Orders", "slug": "more", "kind": "conversion", "goal": "", "per": ""}
    address = "/admin/personalization/metric/add/"
    return client.post(address, {**form, **fields}, follow=True)


@pytest.mark.parametrize(
    ("kind", "goals", "at", "told"),
    [
        ("conversion", {}, "goal", "Choose the goal"),
        ("value", {"goal": "call"}, "goal", "says of no property what it is worth"),
        ("ratio", {"goal": "order"}, "per", "divided by"),
        ("bounce", {"goal": "order"}, "goal", "leave it empty"),
        ("conversion", {"goal": "order", "per": "call"}, "per", "leave it empty"),
    ],
)
def test_a_metric_says_what_it_counts(
    owner: Client, metric: Metric, kind: str, goals: dict[str, str], at: str, told: str
) -> None:
    Goal.objects.create(slug="call", name="Call", event="Called")
    chosen = {name: Goal.objects.get(slug=slug).pk for name, slug in goals.items()}
    found = errors_of(state_metric(owner, kind=kind, **chosen))
    assert told in found[at][0]


def test_a_metric_is_kept_and_its_slug_stays(owner: Client, metric: Metric) -> None:
    text = said(state_metric(owner, goal=metric.goal_id, within="3"))
    assert "No “Order Completed” ever came" in text
    kept = Metric.objects.get(slug="more")
    assert kept.within == timedelta(days=3)
    form = {"name": "Sales", "slug": "sales", "kind": "conversion", "goal": metric.goal_id}
    owner.post(f"/admin/personalization/metric/{kept.pk}/change/", form)
    kept.refresh_from_db()
    assert (kept.name, kept.slug) == ("Sales", "more")


def test_a_bounce_of_which_more_is_better_is_asked_about(owner: Client, metric: Metric) -> None:
    assert "More of it counts as better" in said(state_metric(owner, kind="bounce"))
    assert "counts as better" not in said(
        state_metric(owner, slug="less", kind="bounce", less_is_better="on")
    )
