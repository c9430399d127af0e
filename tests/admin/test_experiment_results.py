"""The page of an experiment that runs: one sentence, whether it is healthy, and how sure it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization.admin.experiment_charts import Bar, interval_chart, share_chart, ticks
from personalization.admin.experiment_numbers import (
    between_words,
    chance,
    change,
    level,
    plain,
    signed,
    signed_number,
)
from personalization.admin.experiment_problems import problem_words
from personalization.admin.experiment_tables import table_of
from personalization.admin.experiment_words import Names, headline, is_trusted
from personalization.delivery.models import Slot
from personalization.experiments.models import Arm, BanditState, Experiment, Finding, Metric
from personalization.experiments.problems import CODES, ERRORS
from personalization.experiments.results import Comparison, Interval, Problem, Result
from personalization.segments.models import Segment
from tests.admin.experiments import (
    LIST,
    SINCE,
    compared,
    experiment,
    find,
    hero,
    measured,
    metric,
    page,
    result,
    said,
    whole,
)

__all__ = ["experiment", "hero", "metric"]

NAMES = Names({"a": "A", "b": "B", "c": "C"})
LATER = SINCE + timedelta(days=14)
ODD = "<script>alert(1)</script> & “quoted” 年齢"


def told(found: Result | None, *, running: bool = True) -> tuple[str, str, str]:
    one = headline(found, NAMES, running=running, now=LATER)
    return one.tone, one.sentence, one.advice


def wrong(code: str, **values: Any) -> Problem:
    return Problem(code=code, severity="error", values=values)


# -- the one sentence -----------------------------------------------------------------------


def test_before_anything_is_counted_it_says_so():
    assert told(None)[:2] == ("too_few", "Nothing is counted yet.")


def test_with_too_few_it_says_how_many_there_are_and_how_many_are_needed():
    few = result(measured(compared("too_few")))
    words = "Nothing can be said yet: 40 of at least 100 visitors in A."
    assert told(few)[:2] == ("too_few", words)


def test_what_earns_more_is_told_with_where_it_lies_and_that_one_may_stop():
    worth = measured(metric="worth", name="Order value", kind="value")
    tone, sentence, advice = told(result(worth))
    assert tone == "better"
    assert sentence == "B earns 12 % more than A (between +4 % and +20 %)."
    assert advice == "After 14 days that is sure, however often you looked: you may stop."


def test_what_does_better_names_its_metric():
    words = "B does better than A: “Orders” is 12 % higher (between +4 % and +20 %)."
    assert told(result())[:2] == ("better", words)


def test_of_what_less_is_better_the_lower_is_better():
    fewer = compared("better", lift=-0.12, difference=-0.012, lift_interval=Interval(-0.2, -0.04))
    bounce = measured(fewer, name="Bounce", kind="bounce", less_is_better=True)
    words = "B does better than A: “Bounce” is 12 % lower (between −20 % and −4 %)."
    assert told(result(bounce))[:2] == ("better", words)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("value", "B earns 12 % less than A (between −20 % and −4 %)."),
        ("count", "B does worse than A: “Orders” is 12 % lower (between −20 % and −4 %)."),
    ],
)
def test_what_loses_is_told_with_what_to_keep(kind, words):
    tone, sentence, advice = told(result(measured(compared("worse"), kind=kind)))
    assert (tone, sentence) == ("worse", words)
    assert advice.endswith("you may stop. Keep A.")


def test_what_is_not_sure_is_told_as_that():
    tone, sentence, advice = told(result(measured(compared("unclear"))))
    assert tone == "unclear"
    assert sentence == (
        "No difference is sure yet after 14 days: “Orders” of B is between −3 % and +20 % beside A."
    )
    assert advice == "Let it run on."


def test_of_what_is_over_nothing_is_advised():
    for verdict in ("better", "worse", "unclear"):
        assert told(result(measured(compared(verdict))), running=False)[2] == ""


def test_without_a_lift_the_difference_itself_is_told():
    none_before = compared("better", lift=None, lift_interval=None, difference=0.5)
    words = told(result(measured(replace(none_before, interval=Interval(0.25, None)))))[1]
    assert "0.50 higher (at least +0.25)" in words


def test_of_several_arms_the_best_is_told_and_not_the_first():
    arms = (compared("worse"), compared("unclear", "c"))
    assert told(result(measured(*arms)))[0] == "unclear"
    arms = (compared("better", lift=0.1, difference=0.01), compared("better", "c", difference=0.05))
    assert told(result(measured(*arms)))[1].startswith("C does better than A")
    assert told(result(measured(compared("too_few"), compared("worse", "c"))))[0] == "worse"


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_with_something_wrong_no_number_is_told(code):
    found = result(problems=(wrong(code),))
    if code == "guardrail":  # a result as good as the others
        tone, sentence, advice = told(found)
        assert (tone, "12 % higher" in sentence) == ("worse", True)
        assert advice == "But something got worse that must not, see below. Stop it."
        assert told(found, running=False)[2] == "But something got worse that must not, see below."
        return
    tone, sentence, _advice = told(found)
    assert tone == "wrong"
    assert not any(letter.isdigit() for letter in sentence)
    assert not is_trusted(found)


def test_a_warning_keeps_no_number_back():
    late = Problem(code="late_exposures", severity="warning", values={})
    assert told(result(problems=(late,)))[0] == "better"


def test_without_a_metric_that_decides_nothing_can_be_said():
    assert told(result(measured(role="secondary")))[1].startswith("Nothing can be said")
    assert told(replace(result(), metrics=()))[1].startswith("Nothing can be said")


@pytest.mark.parametrize(("days", "words"), [(0, "1 day"), (1, "1 day"), (2, "2 days")])
def test_days_are_counted_in_words(days, words):
    found = replace(result(measured(compared("unclear"))), until=SINCE + timedelta(days=days))
    assert f"after {words}:" in told(found)[1]


# -- what is wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_every_problem_has_a_sentence_whatever_is_known_of_it(code):
    bare = problem_words(wrong(code), NAMES, {})
    assert bare.endswith((".", "?")), bare
    assert "Something is to be looked at" not in bare
    full = wrong(
        code, p=1e-9, counted={"a": 700, "b": 300}, expected={"a": 500, "b": 500.0}, arm="b", n=3,
        share=0.25, hours=24, page_views=1234, metric="orders", events=["Order Completed"],
        arms=["x"], dimension="device", value=ODD, since="2026-03-02",
    )  # fmt: skip
    assert "–" not in problem_words(full, NAMES, {"orders": "Orders"}).replace(ODD, "")


def test_who_is_where_beside_who_should_be_is_told():
    words = problem_words(
        wrong("shares", counted={"a": 700, "b": 300}, expected={"a": 500, "b": 500}), NAMES, {}
    )
    assert "A has 700 instead of 500, B has 300 instead of 500" in words


def test_a_problem_of_a_later_version_is_told_by_its_code():
    assert "flux" in problem_words(wrong("flux"), NAMES, {})


# -- numbers --------------------------------------------------------------------------------


def test_changes_have_a_sign_and_a_true_minus():
    assert [change(x) for x in (0.12, -0.123, 0.0456, 0.0, -0.0001)] == [
        "+12 %", "−12 %", "+4.6 %", "0 %", "±0 %",
    ]  # fmt: skip
    assert change(0.12, signed=False) == "12 %"
    assert [signed(x) for x in (0.5, -12.34, 1234.5, 0.0)] == ["+0.50", "−12.3", "+1,234", "±0.00"]
    assert [signed_number(x) for x in (1240.4, -1240.0, 0.2)] == ["+1,240", "−1,240", "±0"]
    assert [plain(x) for x in (1234.0, 12.34, 0.5, 0.0123)] == ["1,234", "12.3", "0.50", "0.0123"]


def test_what_is_not_known_at_all_is_no_nought():
    unknown = measured(Comparison(arm="b", verdict="unclear"))
    _control, row = table_of(1, unknown, NAMES).rows
    assert (row.lift, row.chance, row.gained) == ("", "–", "")
    even = measured(compared("unclear", lift=None, lift_interval=None, difference=0.0))
    assert table_of(1, even, NAMES).rows[1].lift == "±0.00"


def test_chances_are_never_quite_sure():
    assert [chance(x) for x in (None, 0.97, 0.99999, 0.00001)] == ["–", "97.0 %", "> 99.9 %", "< 0.1 %"]  # fmt: skip


def test_what_a_metric_is_has_its_unit():
    assert level(0.1234, "conversion") == "12.34 %"
    assert level(12.345, "value") == "12.3"
    assert level(None, "value") == "too few"


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (Interval(0.1, 0.2), "between +10 % and +20 %"),
        (Interval(None, 0.2), "at most +20 %"),
        (Interval(-0.1, None), "at least −10 %"),
        (Interval(None, None), "anywhere"),
        (None, "anywhere"),
    ],
)
def test_intervals_without_an_end_are_told(interval, words):
    assert between_words(interval, change) == words


# -- pictures -------------------------------------------------------------------------------

sizes = st.floats(-1e6, 1e6, allow_nan=False)
ends = st.none() | sizes
bars = st.builds(
    Bar,
    label=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=80),
    at=sizes,
    low=ends,
    high=ends,
    tone=st.sampled_from(["better", "worse", "unclear"]),
)
SVG = "{http://www.w3.org/2000/svg}"


@given(st.lists(bars, min_size=1, max_size=5))
def test_a_picture_is_well_formed_whatever_is_in_it(shown):
    drawn = interval_chart("x", shown, title=ODD, say=change)
    root = ElementTree.fromstring(drawn)  # noqa: S314
    assert root.get("role") == "img"
    titles = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert titles[root.get("aria-labelledby")] == ODD
    assert titles[root.get("aria-describedby")]
    assert not [one for one in root.iter() if "style" in one.attrib]
    for line in root.iter("line"):
        assert all(abs(float(line.get(name) or 0)) < 1000 for name in ("x1", "x2", "y1", "y2"))


def test_the_description_says_all_that_the_picture_does():
    bar = Bar(label="B", at=0.12, low=0.04, high=None)
    root = ElementTree.fromstring(interval_chart("x", [bar], title="T", say=change))  # noqa: S314
    assert root.findtext("desc") == "B: +12 %, from +4 % to no end."


def test_nothing_is_no_picture():
    assert interval_chart("x", [], title="T", say=change) == ""
    assert share_chart("x", [], title="T") == ""


def test_visitors_are_as_long_as_they_are_many():
    drawn = share_chart("x", [("A", 1000), ("B", 500), (ODD, 0)], title="T")
    widths = [float(one.get("width") or 0) for one in ElementTree.fromstring(drawn).iter("rect")]  # noqa: S314
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.01)
    assert widths[2] == 1
    assert "1,000" in drawn


@given(sizes, st.floats(1e-6, 1e6))
def test_marks_of_an_axis_lie_on_it_and_are_few(least, span):
    found = ticks(least, least + span)
    slack = 1e-6 * (abs(least) + span)
    assert all(least - slack <= each <= least + span + slack for each in found)
    assert len(found) <= 6


# -- the page -------------------------------------------------------------------------------


@pytest.fixture
def running(experiment: Experiment) -> Experiment:
    Experiment.objects.filter(pk=experiment.pk).update(
        status="running", started_at=timezone.now() - timedelta(days=14), seed="red-hero"
    )
    experiment.refresh_from_db()
    return experiment


@pytest.mark.django_db
def test_the_page_tells_what_for_whom_since_when_and_how_sure(
    owner: Client, running: Experiment
) -> None:
    Experiment.objects.update(audience=Segment.objects.get(slug="guests"), coverage=0.5)
    find(result())
    text = said(owner.get(page("change", running.pk)))
    for words in (
        "Red does better than Default: “Orders” is 12 % higher (between +4 % and +20 %).",
        "you may stop", "Contents of a slot: promo", "50 % of the members of “Guests”", "healthy",
        "11.20 %", "97.0 %", "+1,240", "between +310 and +2,170", "<svg", "Stop it",
    ):  # fmt: skip
        assert words in text


@pytest.mark.django_db
def test_with_too_few_there_is_no_number_of_a_result(owner: Client, running: Experiment) -> None:
    find(result(measured(compared("too_few"))))
    text = said(owner.get(page("change", running.pk)))
    assert "Nothing can be said yet: 40 of at least 100 visitors in Default." in text
    assert "too few: 38 more" in text
    assert "pz-range" not in text
    assert "% higher" not in text


@pytest.mark.django_db
def test_what_is_wrong_is_told_instead_of_numbers(owner: Client, running: Experiment) -> None:
    find(result(problems=(wrong("shares", counted={"a": 9}, expected={"a": 5}),)))
    text = said(owner.get(page("change", running.pk)))
    assert "cannot be trusted" in text
    assert "Default has 9 instead of 5" in text
    for number in ("12 %", "97.0 %", "+1,240", "11.20 %"):
        assert number not in text


@pytest.mark.django_db
@pytest.mark.parametrize("content", [{}, {"arms": 1}, {"subject": None, "since": "soon"}, []])
def test_a_finding_that_nobody_can_read_breaks_no_page(
    owner: Client, running: Experiment, content: Any
) -> None:
    Finding.objects.create(subject="experiment:red-hero", content=content, error="It broke <q7>.")
    text = said(owner.get(page("change", running.pk)))
    assert "Nothing is counted yet." in text
    assert "It broke <q7>." in text
    assert "<q7>" not in owner.get(page("change", running.pk)).content.decode()


@pytest.mark.django_db
def test_names_are_shown_as_they_are_and_do_nothing(
    owner: Client, running: Experiment, metric: Metric
) -> None:
    Experiment.objects.update(name=ODD, hypothesis=ODD, conclusion=ODD, place="promo")
    Arm.objects.update(name=ODD)
    Slot.objects.update(name=ODD)
    Metric.objects.update(name=ODD)
    find(result(measured(name=ODD), problems=(wrong("guardrail", arm=ODD, metric=ODD),)))
    raw = owner.get(page("change", running.pk)).content.decode()
    assert "<script>alert" not in raw
    assert ODD in said(owner.get(page("change", running.pk)))


@pytest.mark.django_db
def test_what_a_bandit_gives_each_arm_now_is_shown(owner: Client, running: Experiment) -> None:
    Experiment.objects.update(allocation="thompson")
    assert "50 % <" in said(owner.get(page("change", running.pk)))
    state = {"kind": "thompson", "arms": ["a", "b"], "chances": [0.2, 0.8], "weights": [0.2, 0.8]}
    BanditState.objects.create(experiment=running, content=state)
    assert said(owner.get(page("change", running.pk)))


@pytest.mark.django_db
def test_what_other_shares_would_have_brought_is_told(owner: Client, running: Experiment) -> None:
    estimate = {"value": 0.15, "error": 0.01, "low": 0.13, "high": 0.17}
    policies = [
        {"policy": "logged", "units": 900, "effective_units": 900, "clipped": 0.0,
         "most_weight": 1.0, "ips": estimate, "snips": estimate, "dr": estimate},
        {"policy": "always:b", "units": 900, "effective_units": 450.0, "clipped": 0.02,
         "most_weight": 2.0, "ips": None, "snips": estimate, "dr": None},
        {"policy": "always:a", "units": 900, "effective_units": 50.0, "clipped": 0.0,
         "most_weight": 2.0, "ips": None, "snips": None, "dr": None},
        {"policy": "unheard of", "effective_units": 1.0},
        "nonsense",
    ]  # fmt: skip
    Finding.objects.create(subject="policies:red-hero", content={"policies": policies})
    find(result())
    text = said(owner.get(page("change", running.pk)))
    assert "Red for everybody" in text
    assert "15.00 %" in text
    assert "between 13.00 % and 17.00 %" in text
    assert "2 % cut off" in text
    assert "unheard of" not in text


@pytest.mark.django_db
def test_pages_ask_as_much_of_the_database_however_much_was_found(
    owner: Client, running: Experiment, django_assert_max_num_queries: Any
) -> None:
    find(result())
    owner.get(page("change", running.pk))
    with django_assert_max_num_queries(40) as few:
        owner.get(page("change", running.pk))
    many = [measured(metric=f"m{n}", name=f"M{n}", role="secondary") for n in range(20)]
    find(result(measured(), *many))
    with django_assert_max_num_queries(len(few)):
        owner.get(page("change", running.pk))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("found", "words"),
    [
        (result(), "better"),
        (result(measured(compared("unclear"))), "not sure yet"),
        (result(measured(compared("too_few"))), "too few"),
        (result(problems=(wrong("shares"),)), "something is wrong"),
    ],
)
def test_the_list_tells_how_each_stands(
    owner: Client, running: Experiment, found: Result, words: str
) -> None:
    find(found)
    assert f">{words}</span>" in said(owner.get(LIST))


@pytest.mark.django_db
def test_the_list_asks_as_often_however_long_it_is(
    owner: Client, hero: Slot, metric: Metric, django_assert_max_num_queries: Any
) -> None:
    whole(hero, metric, slug="first", status="running", started_at=SINCE)
    owner.get(LIST)
    with django_assert_max_num_queries(12) as few:
        owner.get(LIST)
    for n in range(20):
        whole(hero, metric, slug=f"more-{n}", status="running", started_at=SINCE)
        find(result(subject=f"experiment:more-{n}"))
    with django_assert_max_num_queries(len(few)):
        owner.get(LIST)
