"""A visitor keeps the arm they came into, through logging in and when profiles become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from personalization import shortcuts
from personalization.delivery.known import read_visitor
from personalization.experiments.trial import Choice, Entrant, Trial, assign, holdout
from personalization.profiles.models import Identity
from personalization.testing import drain
from tests.effort import examples

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
USER = "ann"
DEVICES = ("phone", "tablet", "laptop")
#: Enough arms that two visitors are rarely in the same one by chance.
TRIALS = [
    Trial(
        key=f"t{number}",
        kind="variations",
        arms=tuple(Choice(str(place)) for place in range(50)),
        weights=(0.02,) * 50,
    )
    for number in range(3)
]


def unit_of(value: str, namespace: str = Identity.ANONYMOUS) -> str:
    return read_visitor(value, now=NOW, namespace=namespace).unit


def drawn(unit: str) -> tuple[str, ...]:
    """Return the arms and the side of a holdout that chance says for a unit."""
    arms = [found[1].arm for each in TRIALS if (found := assign(each, Entrant(unit)))]
    held = holdout("hero/variation:1", unit=unit, share=0.5)
    assert held is not None
    assert len(arms) == len(TRIALS)
    return *arms, held.arm


def view(device: str) -> None:
    shortcuts.track("Page Seen", anonymous_id=device)


def log_in(device: str) -> None:
    shortcuts.identify(user_id=USER, anonymous_id=device)


def buy() -> None:
    shortcuts.track("Order Completed", user_id=USER)


def test_the_first_login_moves_nobody() -> None:
    view("phone")
    drain()
    before = drawn(unit_of("phone"))
    log_in("phone")
    drain()
    assert drawn(unit_of("phone")) == drawn(unit_of(USER, Identity.USER)) == before


def test_a_second_device_gets_what_the_user_has() -> None:
    view("phone")
    log_in("phone")
    view("tablet")
    drain()
    before, other = drawn(unit_of("phone")), drawn(unit_of("tablet"))
    assert before != other
    log_in("tablet")
    drain()
    assert drawn(unit_of("tablet")) == drawn(unit_of("phone")) == before


def test_whose_profile_there_is_elsewhere_keeps_that_when_an_older_device_joins() -> None:
    view("phone")
    drain()
    buy()
    drain()
    user = drawn(unit_of(USER, Identity.USER))
    log_in("phone")
    drain()
    assert drawn(unit_of("phone")) == user


steps = st.lists(
    st.one_of(
        st.sampled_from(DEVICES).map(lambda device: ("view", device)),
        st.sampled_from(DEVICES).map(lambda device: ("log in", device)),
        st.just(("buy", USER)),
        st.just(("drain", "")),
    ),
    min_size=3,
    max_size=12,
)


@examples(25)
@given(steps)
def test_once_somebody_is_known_to_be_the_user_they_stay_in_their_arms(
    did: Sequence[tuple[str, str]],
) -> None:
    """Whatever else joins later: the user is never moved, and who has joined is with the user."""
    deeds: Mapping[str, Callable[[str], object]] = {
        "view": view,
        "log in": log_in,
        "buy": lambda _: buy(),
        "drain": lambda _: drain(),
    }
    with transaction.atomic():
        known = ""
        logged_in: set[str] = set()
        for deed, who in [*did, ("drain", "")]:
            deeds[deed](who)
            if deed == "log in":
                logged_in.add(who)
            if deed != "drain":
                continue
            now = unit_of(USER, Identity.USER)
            assert not known or now == known
            known = now
            assert {unit_of(device) for device in logged_in} <= {known}
        transaction.set_rollback(True)


@examples(15)
@given(st.integers(1, 4), st.booleans())
def test_a_device_that_was_alone_keeps_its_arms_when_its_user_first_logs_in(
    views: int, more_devices: bool
) -> None:
    with transaction.atomic():
        for _ in range(views):
            view("phone")
        if more_devices:
            view("tablet")
        drain()
        before = drawn(unit_of("phone"))
        log_in("phone")
        drain()
        assert drawn(unit_of("phone")) == before
        log_in("tablet")
        buy()
        drain()
        assert drawn(unit_of("tablet")) == drawn(unit_of("phone")) == before
        transaction.set_rollback(True)
