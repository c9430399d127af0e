"""What somebody takes along: everything of theirs, and nothing of anybody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from personalization.events.models import Source
from personalization.ingest.models import DeadLetter, HeldEvent
from personalization.privacy.subjects import device_of, person_of
from personalization.profiles.features import VISITS
from personalization.profiles.identity import Key
from personalization.profiles.models import (
    Identity,
    IdentityLink,
    LinkVerdict,
    Merge,
    MergeSuggestion,
)
from personalization.profiles.stores import Subject, stores
from personalization.rights.export import export
from personalization.segments.manual import add_members_until
from personalization.segments.models import Segment, Webhook, WebhookDelivery
from tests.rights.conftest import Person

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOOTS = {"name": "Walnut boots", "price": 129.5}


def exported(subject: Subject) -> dict[str, Any]:
    """Return the document as whoever opens the file reads it."""
    document = json.loads("".join(export(subject, now=NOW)))
    assert isinstance(document, dict)
    return document


def entries(subject: Subject, store: str) -> list[dict[str, Any]]:
    found = exported(subject)["stores"][store]["entries"]
    assert isinstance(found, list)
    return found


def test_the_document_says_what_it_is_and_that_it_is_complete(
    make_person: Callable[..., Person],
) -> None:
    person = make_person()
    document = exported(person_of([person.device]))
    assert document["format"] == "personalization.export/1"
    assert document["made_at"] == NOW.isoformat()
    assert document["identities"] == [["anonymous", person.visitor_id]]
    assert document["whole_person"] is True
    assert list(document)[-1] == "complete"
    assert document["complete"] is True


def test_what_is_cut_off_on_the_way_cannot_pass_for_complete(
    make_person: Callable[..., Person],
) -> None:
    pieces = list(export(person_of([make_person().device]), now=NOW))
    with pytest.raises(json.JSONDecodeError):
        json.loads("".join(pieces[:-1]))


def test_every_place_that_visitors_are_shown_is_in_it_with_what_it_is_for(
    make_person: Callable[..., Person],
) -> None:
    found = exported(person_of([make_person().device]))["stores"]
    assert set(found) == {name for name, store in stores.items() if store.is_shown}
    assert all(store["holds"] and store["used_for"] for store in found.values())


def test_how_long_it_is_kept_is_as_the_site_says(
    make_person: Callable[..., Person], settings: Any
) -> None:
    settings.PERSONALIZATION_RETENTION_OF = {"consent log": timedelta(days=40)}
    found = exported(person_of([make_person().device]))["stores"]
    assert found["consent log"]["kept_for_days"] == 40
    assert found["webhook deliveries"]["kept_for_days"] == 30
    assert found["identities"]["kept_for_days"] is None


def test_events_are_in_it_with_all_that_they_say(make_person: Callable[..., Person]) -> None:
    person = make_person(("Product Viewed", 2, BOOTS), ("Order Completed", 1, {"total": 20}))
    found = entries(person_of([person.device]), "events")
    assert [event["name"] for event in found] == ["Product Viewed", "Order Completed"]
    assert found[0]["properties"] == BOOTS
    assert datetime.fromisoformat(found[0]["timestamp"]).tzinfo is not None


def test_traits_and_what_visits_add_up_to_are_in_it(make_person: Callable[..., Person]) -> None:
    person = make_person(("Product Viewed", 2), traits={"city": "Kraków"})
    [profile] = entries(person_of([person.device]), "profiles")
    assert profile["traits"] == {"city": "Kraków"}
    assert profile["features"][VISITS] == 2
    assert profile["agreed_to"] == {"analytics": True, "personalization": True}
    assert len(entries(person_of([person.device]), "visits")) == 2


def test_answers_and_their_proof_are_in_it(make_person: Callable[..., Person]) -> None:
    person = make_person()
    subject = person_of([person.device])
    answers = {each["purpose"]: each["granted"] for each in entries(subject, "consents")}
    assert answers == {"analytics": True, "personalization": True, "marketing": False}
    [record] = entries(subject, "consent log")
    assert record["answers"] == answers
    assert len(record["proof"]) == 64


def test_groups_are_in_it_with_since_when(
    make_person: Callable[..., Person], make_segment: Callable[..., Segment]
) -> None:
    person = make_person()
    add_members_until(make_segment("regulars"), {person.profile.pk: None}, now=NOW)
    [membership] = entries(person_of([person.device]), "memberships")
    assert membership == {"since": NOW.isoformat(), "group": "Regulars", "version": 1}


def test_of_what_webhooks_were_told_it_has_the_own_part_alone(
    make_person: Callable[..., Person],
) -> None:
    ours, others = make_person().profile.pk, make_person()
    hook = Webhook.objects.create(name="Letters", url="https://letters.example/", secret="s")
    changes = [
        {"type": "entered", "segment": "regulars", "profileId": pk, "at": NOW.isoformat()}
        for pk in (others.profile.pk, ours, int(f"{ours}0"))
    ]
    WebhookDelivery.objects.create(webhook=hook, payload={"changes": changes})
    WebhookDelivery.objects.create(webhook=hook, payload={"changes": changes[:1]})
    WebhookDelivery.objects.create(webhook=hook, payload={})
    subject = Subject(keys=frozenset(), profile_ids=frozenset({ours}))
    [told] = entries(subject, "webhook deliveries")
    assert told["receiver"] == "Letters"
    assert told["changes"] == [changes[1]]


def test_a_delivery_that_tells_of_two_profiles_of_one_person_is_in_it_once(
    make_person: Callable[..., Person],
) -> None:
    both = frozenset(make_person().profile.pk for _ in range(2))
    hook = Webhook.objects.create(name="Letters", url="https://letters.example/", secret="s")
    changes = [{"segment": "regulars", "profileId": pk} for pk in both]
    WebhookDelivery.objects.create(webhook=hook, payload={"changes": changes})
    [told] = entries(Subject(keys=frozenset(), profile_ids=both), "webhook deliveries")
    assert told["changes"] == changes


def test_what_could_not_be_read_and_what_is_held_are_in_it(
    make_person: Callable[..., Person], make_source: Callable[..., Source]
) -> None:
    person, other = make_person(), make_person()
    source = make_source()
    for each in (person, other):
        whose = {"namespace": "anonymous", "value": each.visitor_id, "source": source}
        DeadLetter.objects.create(code="odd", message="Odd.", body=each.visitor_id, **whose)
        HeldEvent.objects.create(message_id=each.visitor_id, arrival=each.visitor_id, **whose)
    subject = person_of([person.device])
    assert [each["body"] for each in entries(subject, "dead letters")] == [person.visitor_id]
    assert [each["event"] for each in entries(subject, "held events")] == [person.visitor_id]


def test_the_id_at_the_other_end_of_a_link_is_shown_only_if_it_is_theirs(
    make_person: Callable[..., Person],
) -> None:
    person, stranger = make_person(account="ada"), make_person()
    device = person.profile.identities.get(namespace=Identity.ANONYMOUS)
    user = person.profile.identities.get(namespace=Identity.USER)
    theirs = stranger.profile.identities.get()
    for number, other in enumerate((user, theirs)):
        pair = {"one": device, "other": other}
        IdentityLink.objects.create(**pair, stated_at=NOW, message_id=f"m{number}")
        LinkVerdict.objects.create(**pair, together=True)
    text = "".join(export(person_of([person.device]), now=NOW))
    assert len(json.loads(text)["stores"]["identity links"]["entries"]) == 2
    assert stranger.visitor_id not in text


def test_guesses_and_merges_tell_nothing_of_the_other_person(
    make_person: Callable[..., Person],
) -> None:
    person, stranger = make_person(), make_person()
    pair = {"one": person.profile, "other": stranger.profile}
    MergeSuggestion.objects.create(**pair, probability=0.75)
    moved = [["anonymous", stranger.visitor_id], ["anonymous", person.visitor_id]]
    profiles = {"source_profile": stranger.profile.pk, "target_profile": person.profile.pk}
    Merge.objects.create(**profiles, identities=moved, cause="event", at=NOW)
    text = "".join(export(person_of([person.device]), now=NOW))
    found = json.loads(text)["stores"]
    assert found["merge suggestions"]["entries"][0]["probability"] == 0.75
    assert found["merge log"]["entries"][0]["identities"] == moved[1:]
    assert stranger.visitor_id not in text


def test_one_device_of_a_person_takes_along_what_was_done_on_it(
    make_person: Callable[..., Person],
) -> None:
    person = make_person(("Product Viewed", 1), account="ada", traits={"city": "Kraków"})
    document = exported(device_of(person.device))
    assert document["whole_person"] is False
    assert document["identities"] == [["anonymous", person.visitor_id]]
    names = [event["name"] for event in document["stores"]["events"]["entries"]]
    assert names == ["Product Viewed", "identify"]
    assert document["stores"]["profiles"]["entries"] == []


def test_nobody_takes_along_an_empty_document() -> None:
    document = exported(person_of([Key("anonymous", "nobody")]))
    assert not any(store["entries"] for store in document["stores"].values())
    assert document["complete"] is True


def test_a_long_history_is_written_while_it_is_read(
    make_person: Callable[..., Person], django_assert_num_queries: Any
) -> None:
    person = make_person(*((f"Step {n}", n + 1) for n in range(30)))
    subject = person_of([person.device])
    pieces = export(subject, now=timezone.now())
    with django_assert_num_queries(0):
        next(pieces)
    assert sum('"name": "Step ' in piece for piece in pieces) == 30
