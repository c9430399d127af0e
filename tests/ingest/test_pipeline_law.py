"""Law 1: what is known of a person is a function of the set of events, not of their way here."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from personalization.events.models import Source
from personalization.ingest.pipeline import process_events
from personalization.monitoring.audit import audit_identities, audit_profiles
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.segments.models import Segment
from personalization.segments.rebuild import rebuild_profiles
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships
from tests.effort import Tries, some_or_all
from tests.ingest.history import END, HISTORIES, PEOPLE, RULES, deliver, outcome, process

pytestmark = pytest.mark.django_db


@pytest.fixture
def rules(make_segment: Callable[..., Segment]) -> None:
    for slug, rule in RULES.items():
        make_segment(slug, rule)
    refresh_segments(now=END)


@contextmanager
def _undone() -> Iterator[None]:
    """Take back whatever is stored meanwhile."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _split(calls: list[Any], dice: random.Random) -> list[list[Any]]:
    batches: list[list[Any]] = [[]]
    for call in calls:
        if batches[-1] and dice.random() < 0.5:
            batches.append([])
        batches[-1].append(call)
    return batches


def _settled() -> Any:
    settle_memberships(now=END)
    return outcome(now=END)


@some_or_all(60)
def test_order_repetition_and_batches_make_no_difference(
    tries: Tries, server: Source, rules: None
) -> None:
    @settings(tries, suppress_health_check=[*HealthCheck], phases=[Phase.generate])
    @given(history=HISTORIES, seed=st.integers(0, 10**6))
    def holds(history: list[Any], seed: int) -> None:
        dice = random.Random(seed)
        with _undone():
            process(server, [history], at=END)
            expected = _settled()
        again = history + dice.sample(history, dice.randrange(len(history) + 1))
        dice.shuffle(again)
        with _undone():
            at = END - timedelta(hours=4 * len(again))
            for batch in _split(again, dice):
                # Late, but not before it happened: each batch arrives after all of its events.
                process(server, [batch], at=max(at, END - timedelta(days=1)))
                at += timedelta(hours=4)
            process(server, [], at=END)
            assert _settled() == expected
            assert not list(audit_profiles(now=END))
            assert not list(audit_identities())
            rebuild_profiles(Profile.objects.values_list("pk", flat=True), now=END)
            assert outcome(now=END) == expected
        with _undone():
            process(server, _split(again, dice), at=END)
            assert _settled() == expected

    holds()


def test_no_event_lies_ahead_of_the_instant_it_is_evaluated_at(server: Source, rules: None) -> None:
    """A worker whose clock, or whose long run, is behind the web server's."""
    call = {"type": "track", "event": "Product Added", "userId": "ann", "messageId": "one"}
    with _undone():
        process(server, [[call]], at=END)
        expected = outcome(now=END)
    deliver(server, [[call]], at=END)
    process_events(now=END - timedelta(hours=1))
    assert outcome(now=END) == expected
    assert not list(audit_profiles(now=END))


def test_a_planted_difference_is_found(
    server: Source, rules: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call = {"type": "track", "event": "Product Viewed", "timestamp": "2026-03-02T00:00:00Z"}
    process(server, [[{**call, "userId": "ann"}, {**call, "userId": "bob"}]], at=END)
    assert not list(audit_profiles(now=END))
    call_command("audit_profiles")
    assert "Every snapshot equals what the log says." in capsys.readouterr().out

    spoiled = Snapshot.objects.get(profile__identities__value="bob")
    spoiled.sums["events.count"] += 1
    spoiled.save()
    (difference,) = audit_profiles(now=END)
    assert difference.profile_id == spoiled.pk
    assert difference.kept != difference.derived
    with pytest.raises(CommandError, match="1 profiles differ"):
        call_command("audit_profiles")
    assert f"Profile {spoiled.pk}" in capsys.readouterr().err

    call_command("rebuild_profiles", str(spoiled.pk))
    assert not list(audit_profiles(now=END))


def test_an_identity_in_the_wrong_profile_is_found(
    server: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    call = {"type": "track", "event": "Product Viewed", "timestamp": "2026-03-02T00:00:00Z"}
    people = [{**call, "userId": each, "anonymousId": f"{each}-phone"} for each in PEOPLE]
    process(server, [people], at=END)
    assert not list(audit_identities())
    phone = Identity.objects.get(value="ann-phone")
    bob = Identity.objects.get(value="bob")
    ids = sorted([phone.profile_id, bob.profile_id])
    Identity.objects.filter(pk=phone.pk).update(profile=bob.profile_id)
    assert list(audit_identities()) == ids
    rebuild_profiles(ids, now=END)
    with pytest.raises(CommandError, match="2 profiles differ. resolve_identities"):
        call_command("audit_profiles")
    assert f"Profile {ids[0]}: has other identities" in capsys.readouterr().err
    call_command("resolve_identities")
    assert not list(audit_identities())
    assert not list(audit_profiles(now=END))
