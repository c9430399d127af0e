"""What slots wait for: as rules of one meaning here and in the browser, and in the admin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from personalization.delivery.choose import Step, choose
from personalization.delivery.models import Slot
from personalization.delivery.published import Candidate, Place
from personalization.delivery.standing import Standing
from personalization.delivery.triggers import (
    CLICKED,
    CLICKS,
    EXIT,
    IDLE,
    LEAVING,
    OPENED,
    RANGES,
    SCROLL,
    SCROLLED,
    TIME,
    TRIGGERS,
    problem_with,
    rule_of,
)
from personalization.rules.evaluate import evaluate
from personalization.rules.parse import parse
from personalization.types import Microseconds
from tests.effort import examples
from tests.rules.javascript import Question, asked
from tests.rules.world import Happening, History, facts

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
PLACE = Place("hero", (Candidate(("a",), "A"),), strategy="priority")

happenings = st.one_of(
    st.builds(Happening, st.just(CLICKED), st.integers(0, 9).map(lambda s: START + s * SECOND)),
    st.builds(Happening, st.just(LEAVING), st.integers(0, 9).map(lambda s: START + s * SECOND)),
    st.builds(
        Happening,
        st.just(SCROLLED),
        st.integers(0, 9).map(lambda s: START + s * SECOND),
        st.fixed_dictionaries({"depth": st.integers(0, 100)}),
    ),
)
pages = st.lists(happenings, max_size=8).map(
    lambda later: History((Happening(OPENED, START), *later))
)
triggers = st.sampled_from(TRIGGERS).flatmap(
    lambda name: st.tuples(
        st.just(name), st.integers(1, min(RANGES[name][1], 15)) if name in RANGES else st.none()
    )
)
instants = st.integers(0, 30 * SECOND).map(lambda since: START + since)


def fires(trigger: str, value: int | None, page: History, now: Microseconds) -> bool:
    """Told in plain Python, for who would rather not read rules."""
    past = [event for event in page.events if event.at <= now]
    wanted = value or 1
    match trigger:
        case "time_on_page":
            return now - START >= wanted * SECOND
        case "inactivity":
            return now - max(event.at for event in past) >= wanted * SECOND
        case "scroll_depth":
            return any(event.properties.get("depth", -1) >= wanted for event in past)  # type: ignore[operator]
        case "click_depth":
            return sum(event.name == CLICKED for event in past) >= wanted
        case _:
            return any(event.name == LEAVING for event in past)


def test_every_trigger_of_a_slot_has_a_rule_and_no_other() -> None:
    assert ["", *TRIGGERS] == Slot.Trigger.values
    assert set(RANGES) < set(TRIGGERS)
    with pytest.raises(ValueError, match=r"'hover' is no trigger; allowed: time_on_page, scroll"):
        rule_of("hover", value=1)


@given(triggers, pages, instants)
def test_a_rule_holds_when_its_trigger_fires(
    trigger: tuple[str, int | None], page: History, now: Microseconds
) -> None:
    rule = parse(rule_of(trigger[0], value=trigger[1]))
    assert evaluate(rule, facts(past_of(page, now), rule), now=now).holds == fires(
        *trigger, page, now
    )


def past_of(page: History, now: Microseconds) -> History:
    """What a page knows at an instant."""
    return History([event for event in page.events if event.at <= now])


def test_the_browser_gives_the_same_answers() -> None:
    @given(st.lists(st.tuples(triggers, pages, instants), min_size=50, max_size=50))
    @examples(5)
    def compare(cases: Sequence[tuple[tuple[str, int | None], History, Microseconds]]) -> None:
        known = [
            (rule_of(name, value=n), past_of(page, now), now) for (name, n), page, now in cases
        ]
        answers = asked(Question(rule, page, now) for rule, page, now in known)
        for (stored, page, now), answer in zip(known, answers, strict=True):
            rule = parse(stored)
            assert evaluate(rule, facts(page, rule), now=now) == answer

    compare()


@pytest.mark.parametrize("trigger", [TIME, IDLE])
def test_time_alone_fires_at_the_very_instant(trigger: str) -> None:
    rule = parse(rule_of(trigger, value=30))
    page = facts(History([Happening(OPENED, START)]), rule)
    answer = evaluate(rule, page, now=START)
    assert (answer.holds, answer.changes) == (False, START + 30 * SECOND)


@pytest.mark.parametrize("trigger", [SCROLL, CLICKS, EXIT])
def test_time_alone_fires_no_other(trigger: str) -> None:
    rule = parse(rule_of(trigger, value=5))
    assert (
        evaluate(rule, facts(History([Happening(OPENED, START)]), rule), now=START).changes is None
    )


def steps(page: History) -> Iterator[tuple[Happening, Happening]]:
    return pairwise(sorted(page.events, key=lambda event: event.at))


@given(pages)
def test_inactivity_is_counted_from_the_last_thing_that_happened(page: History) -> None:
    longest = max((later.at - earlier.at for earlier, later in steps(page)), default=0)
    rule = parse(rule_of(IDLE, value=10))
    for _, later in steps(page):
        before = History([event for event in page.events if event.at < later.at])
        holds = evaluate(rule, facts(before, rule), now=later.at - 1).holds
        assert not holds or longest >= 10 * SECOND


ALLOWED = [(TIME, 30), (SCROLL, 100), (CLICKS, 1), (IDLE, 3600), (EXIT, None), ("", None)]
REFUSED = [
    (TIME, None, "A number from 1 to 3600 is needed; none is given."),
    (SCROLL, 101, "A number from 1 to 100 is needed; 101 is given."),
    (CLICKS, 0, "A number from 1 to 100 is needed; 0 is given."),
    (EXIT, 5, "5 is given, but there is nothing to wait for: leave it empty."),
    ("", 7, "7 is given, but there is nothing to wait for: leave it empty."),
]


@pytest.mark.parametrize(("trigger", "value"), ALLOWED)
def test_a_slot_may_wait_for_it(trigger: str, value: int | None) -> None:
    assert problem_with(trigger, value=value) == ""
    Slot(slug="hero", name="Hero", trigger=trigger, trigger_value=value).clean()


@pytest.mark.parametrize(("trigger", "value", "said"), REFUSED)
def test_a_slot_that_cannot_wait_for_it_says_what_is_allowed(
    trigger: str, value: int | None, said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Slot(slug="hero", name="Hero", trigger=trigger, trigger_value=value).clean()
    assert refused.value.message_dict == {"trigger_value": [said]}


def test_a_dialog_opens_by_a_trigger() -> None:
    Slot(slug="hero", name="Hero", presentation="dialog", trigger=EXIT).clean()
    with pytest.raises(ValidationError) as refused:
        Slot(slug="hero", name="Hero", presentation="dialog").clean()
    assert list(refused.value.message_dict) == ["presentation"]


IN_A = Standing(segments=frozenset("a"))


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_page_of_the_server_does_not_wait_and_shows_the_default(trigger: str) -> None:
    place, told = Place("hero", PLACE.candidates, strategy="priority", trigger=trigger), []
    decision = choose(place, IN_A, note=told.append)
    assert (decision.variation, decision.reason, decision.assigned) == ("", "waits", ())
    assert told[-1] == Step("trigger", trigger)
    assert choose(place, IN_A, in_browser=True).variation == "A"


def test_who_sees_nothing_personal_waits_for_nothing() -> None:
    place = Place("hero", PLACE.candidates, strategy="priority", trigger=EXIT)
    for standing in (Standing(known=False), Standing(consented=False), Standing(paused=True)):
        assert choose(place, standing).reason == choose(place, standing, in_browser=True).reason
