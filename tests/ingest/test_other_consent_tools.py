"""Events that say what another consent tool knows, objecting browsers, and strict sites."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from personalization import shortcuts
from personalization.events.models import BufferedBatch, Event, Source
from personalization.ingest.models import DeadLetter, HeldEvent
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Consent, ConsentRecord, Mechanism
from personalization.privacy.preferences import UPDATED
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.testing import drain
from tests.ingest.sending import codes, consent, send, track

pytestmark = pytest.mark.django_db

GPC = {"HTTP_SEC_GPC": "1"}
ALL = {"analytics": True, "personalization": True, "marketing": True}


def said(name: str = "Seen", *, hours: float = 0, who: str = "a1", **stated: bool) -> Any:
    """An event as `@segment/analytics-consent-tools` stamps it."""
    at = timezone.now() - timedelta(hours=hours)
    stamp = {"consent": {"categoryPreferences": stated}}
    return track(name, userId=..., anonymousId=who, context=stamp, timestamp=at.isoformat())


def tell(client: Client, *events: Any) -> Any:
    answer = send(client, *events, key="browser-key", sentAt=timezone.now().isoformat())
    drain()
    return answer


def stored() -> list[str]:
    return sorted(Event.objects.values_list("name", flat=True))


def agreed() -> dict[str, bool]:
    return Snapshot.objects.get().consents


def test_a_yes_of_the_tool_is_recorded_and_counts(client: Client, browser: Source) -> None:
    tell(client, said(analytics=True))
    assert stored() == ["Seen"]
    assert agreed() == {"analytics": True}
    record = ConsentRecord.objects.get()
    assert record.mechanism == Mechanism.SEGMENT
    assert record.evidence["categoryPreferences"]["analytics"] is True


def test_a_no_of_the_tool_keeps_nothing_and_leaves_no_row(client: Client, browser: Source) -> None:
    answer = tell(client, said(marketing=True), said(UPDATED))
    assert codes(answer["rejected"]) == {0: "no_consent", 1: "no_consent"}
    for model in (Event, Identity, Profile, Consent, ConsentRecord, BufferedBatch, HeldEvent):
        assert not model.objects.exists()


def test_what_is_repeated_with_every_event_is_recorded_once(
    client: Client, browser: Source
) -> None:
    tell(client, said(analytics=True), said(analytics=True))
    tell(client, said(analytics=True))
    assert len(stored()) == 3
    assert ConsentRecord.objects.count() == 1


def test_the_event_of_a_change_is_read_whatever_it_says_and_not_kept_when_it_refuses(
    client: Client, browser: Source
) -> None:
    tell(client, said(hours=2, analytics=True))
    tell(client, said(UPDATED, hours=1, analytics=False))
    assert stored() == ["Seen"]
    tell(client, said("Later", analytics=False))
    assert stored() == ["Seen"]
    assert agreed() == {}


def test_the_newest_by_the_time_of_the_event_counts_in_whichever_order_they_come(
    client: Client, browser: Source
) -> None:
    tell(client, said(hours=3, analytics=True))
    tell(client, said(UPDATED, hours=1, personalization=True))
    tell(client, said(UPDATED, hours=2))
    assert agreed() == {"personalization": True}


def test_an_event_that_was_refused_at_its_time_is_not_kept_although_a_yes_came_later(
    client: Client, browser: Source
) -> None:
    tell(client, said(UPDATED, hours=1, analytics=True))
    tell(client, said("Old", hours=2, analytics=False))
    assert stored() == [UPDATED]
    assert agreed() == {"analytics": True}


def test_without_a_stamp_the_recorded_answers_count(client: Client, browser: Source) -> None:
    tell(client, said(analytics=True))
    tell(client, track("Bare", userId=..., anonymousId="a1"))
    assert stored() == ["Bare", "Seen"]


def test_a_yes_of_the_tool_is_of_nobody_but_whom_the_event_may_claim(
    client: Client, browser: Source
) -> None:
    consent(client, "analytics")
    tell(client, said(who="victim", **ALL))
    assert not Identity.objects.filter(value="victim").exists()
    assert agreed() == {"analytics": True, "marketing": True, "personalization": True}


def test_a_refused_event_that_cannot_be_read_is_not_set_aside(
    client: Client, browser: Source
) -> None:
    consent(client, "analytics")
    broken = {**said(analytics=False), "event": None}
    tell(client, broken)
    assert not DeadLetter.objects.exists()
    tell(client, {**said(analytics=True), "event": None})
    assert DeadLetter.objects.count() == 1


# -- browsers that object -----------------------------------------------------------------


@pytest.mark.parametrize("signal", ["HTTP_SEC_GPC", "HTTP_DNT"])
def test_of_a_browser_that_objects_nothing_is_kept(
    client: Client, browser: Source, signal: str
) -> None:
    consent(client, "analytics")
    client.defaults[signal] = "1"
    answer = tell(client, track("Seen"), {"type": "sing"}, said("Stamped", **ALL))
    assert codes(answer["rejected"]) == {0: "no_consent", 1: "unknown_type", 2: "no_consent"}
    assert stored() == []
    assert not BufferedBatch.objects.exists()
    assert not DeadLetter.objects.exists()
    client.defaults[signal] = "0"
    tell(client, track("Afterwards"))
    assert stored() == ["Afterwards"]


def test_who_agreed_in_spite_of_the_signal_is_not_stopped_by_it(
    client: Client, browser: Source
) -> None:
    consent(client, "analytics")
    client.cookies["pz_consent"] = "1.analytics-signal"
    client.defaults.update(GPC)
    tell(client, track("Seen"))
    assert stored() == ["Seen"]


def test_a_site_may_ignore_the_signal(client: Client, browser: Source, settings: Any) -> None:
    settings.PERSONALIZATION_SIGNALS = "ignore"
    consent(client, "analytics")
    client.defaults.update(GPC)
    tell(client, track("Seen"))
    assert stored() == ["Seen"]


def test_a_browser_that_objects_takes_back_by_another_tool_but_grants_nothing(
    client: Client, browser: Source
) -> None:
    consent(client, "analytics", "marketing")
    client.defaults.update(GPC)
    tell(client, said(UPDATED, analytics=True, personalization=True))
    assert agreed() == {"analytics": True}
    assert stored() == []


def test_the_signal_of_a_server_is_its_own(client: Client, server: Source) -> None:
    client.defaults.update(GPC)
    send(client, track("Seen"))
    drain()
    assert stored() == ["Seen"]


# -- strict sites -------------------------------------------------------------------------


@pytest.fixture
def strict(settings: Any) -> None:
    settings.PERSONALIZATION_PRIVACY = "strict"


def test_a_strict_site_does_not_vouch_for_who_was_not_asked(
    client: Client, server: Source, strict: None
) -> None:
    answer = send(client, track("Seen"), {**track(), "event": None})
    assert codes(answer["rejected"]) == {0: "no_consent", 1: "missing_event"}
    shortcuts.track("By code", user_id="u1")
    for model in (BufferedBatch, DeadLetter, Identity, Profile):
        assert not model.objects.exists()


def test_a_strict_site_keeps_what_servers_send_of_who_agreed(
    client: Client, server: Source, strict: None
) -> None:
    key = Key(Identity.USER, "u1")
    record_consent(key, granted=["analytics"], mechanism=Mechanism.API, now=timezone.now())
    send(client, track("Seen"), track("Other", userId="u2"))
    drain()
    assert stored() == ["Seen"]
    assert not Identity.objects.filter(value="u2").exists()


def test_what_was_taken_before_a_site_became_strict_is_not_stored(
    client: Client, server: Source, settings: Any
) -> None:
    send(client, track("Seen"))
    settings.PERSONALIZATION_PRIVACY = "strict"
    drain()
    assert stored() == []
    assert not Identity.objects.exists()
