"""A site with somebody's text wherever anybody can put some, in a row of every table."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from personalization.delivery.models import Slot, Variation
from personalization.events.models import BufferedBatch, Event, EventSchema, Source
from personalization.ingest.identities import Sender
from personalization.ingest.models import DeadLetter
from personalization.ingest.quarantine import proof_of
from personalization.profiles.models import Identity, Merge, MergeSuggestion, Profile, Snapshot
from personalization.segments.manual import add_members
from personalization.segments.models import Segment, SegmentVersion
from personalization.segments.rebuild import rebuild_profiles
from tests.admin.rules import did, group, in_segment, prop, rule, trait

World = dict[type[models.Model], models.Model]


def made_of(text: Callable[[int | None], str]) -> World:
    """Return a row of each model, full of `text` of at most so many characters."""
    world: World = {}
    _visitors(world, text)
    _segments(world, text)
    for model in apps.get_app_config("personalization").get_models():
        row_of(model, world, text)
    return world


def _visitors(world: World, text: Callable[[int | None], str]) -> None:
    """Make somebody who did things, is called things and said things."""
    now = timezone.now()
    profile = world[Profile] = Profile.objects.create()
    world[Snapshot] = Snapshot.objects.create(profile=profile)
    source = world[Source] = Source.objects.create(
        slug="evil", name=text(100), kind=Source.Kind.BROWSER
    )
    identity = Identity.objects.create(profile=profile, namespace="user", value=text(200))
    world[Identity] = identity
    said = {text(60): text(None), "deep": {text(60): [text(None)]}, "url": "javascript:alert(1)"}
    context = {
        "page": {"url": "javascript:alert(1)", "referrer": text(None), "title": text(None)},
        "userAgent": text(None),
        "campaign": {text(60): text(None)},
    }
    for number, (kind, name) in enumerate(
        [("track", text(200)), ("identify", "Identify"), ("page", text(200)), ("group", "Group")]
    ):
        world[Event] = Event.objects.create(
            identity=identity,
            source=source,
            message_id=f"evil-{number}",
            type=kind,
            name=name,
            properties=said,
            context=context,
            timestamp=now,
        )
    rebuild_profiles([profile.pk], now=now)


def _segments(world: World, text: Callable[[int | None], str]) -> None:
    """Make segments whose rules look for such things, a slot that differs by them, and files."""
    profile, now = world[Profile], timezone.now()
    guests = Segment.objects.create(
        slug="guests", name=text(100), description=text(None), kind=Segment.Kind.MANUAL
    )
    leaf = did(text(200), where=group(prop("x", "=", text(None))))
    whole = rule(leaf, trait("plan", "=", text(None)), in_segment("guests"), combinator="or")
    segment = Segment.objects.create(
        slug="evil",
        name=text(100),
        description=text(None),
        kind=Segment.Kind.RULE,
        rule=whole,
        refresh_error=text(None),
    )
    add_members(guests, [profile.pk], now=now)
    versions = [
        segment.versions.create(number=number, rule=whole, note=text(200)) for number in (501, 502)
    ]
    world[Segment], world[SegmentVersion] = segment, versions[0]
    slot = Slot.objects.create(slug="evil", name=text(100), description=text(None))
    world[Slot] = slot
    world[Variation] = Variation.objects.create(
        slot=slot, segment=segment, name=text(100), content=text(None)
    )
    source = world[Source]
    assert isinstance(source, Source)
    world[BufferedBatch] = BufferedBatch.objects.create(
        source=source, payload=text(None), error=text(None)
    )
    world[DeadLetter] = DeadLetter.objects.create(
        source=source,
        code="no_consent",
        message=text(None),
        body=text(None),
        pointer=text(100),
        sender=proof_of(Sender(trusted=False, visitor_id=None, received_at=timezone.now())),
    )
    world[EventSchema] = EventSchema.objects.create(name=text(200), description=text(200))
    assert isinstance(profile, Profile)
    other = Profile.objects.create()
    Identity.objects.create(profile=other, namespace="anonymous", value=text(200))
    world[Merge] = Merge.objects.create(
        source_profile=other.pk,
        target_profile=profile.pk,
        cause=Merge.Cause.OPERATOR,
        identities=[["anonymous", text(200)], ["user", text(200)]],
    )
    world[MergeSuggestion] = MergeSuggestion.objects.create(
        one=profile,
        other=other,
        probability=0.9,
        weights={text(60): {"agrees": True, "weight": 1.5}},
    )


def row_of(model: type[models.Model], world: World, text: Callable[[int | None], str]) -> Any:
    """Return the row of a model in the world, made by what its fields take if there is none."""
    if model not in world:
        existing = model._default_manager.order_by("pk").first()
        world[model] = existing or _made(model, world, text)
    return world[model]


def _made(model: type[models.Model], world: World, text: Callable[[int | None], str]) -> Any:
    values = {
        field.name: value
        for field in model._meta.concrete_fields
        if (value := _value(field, world, text)) is not None
    }
    return model._default_manager.create(**values)


def _value(field: Any, world: World, text: Callable[[int | None], str]) -> Any:
    """Return what to put into a field; None for what the database makes or may go without."""
    match field:
        case models.AutoField():
            return None
        case models.ForeignKey() if field.related_model is User:
            return None if field.null else User.objects.first()
        case models.ForeignKey():
            return None if field.null else row_of(field.related_model, world, text)
        case _ if field.choices:
            return field.choices[0][0]
        case models.URLField():
            return f"https://crm.example/?{text(50)}"
        case models.SlugField():
            return "evil"
        case models.CharField() | models.TextField():
            return text(field.max_length)
        case _ if field.has_default() or field.null:
            return None  # JSON that has a default is written by ourselves
        case models.BinaryField():
            return text(None).encode()
        case models.JSONField():
            return {text(60): text(None)}
        case models.DateTimeField():
            return timezone.now()
        case models.DateField():
            return timezone.now().date()
        case models.UUIDField():
            return uuid.uuid4()
    return 1
