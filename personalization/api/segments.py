"""Segments and their members, for the site's own systems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from personalization.api.naming import read_members, read_named, read_until
from personalization.api.pages import read_page
from personalization.api.views import ApiView
from personalization.exceptions import (
    BodyRejected,
    ItemRejected,
    MemberRejected,
    NotThere,
    RequestRejected,
)
from personalization.ingest.times import read_time
from personalization.profiles.identity import Key
from personalization.profiles.models import Snapshot
from personalization.segments.manual import add_members_until, remove_members
from personalization.segments.members import (
    Named,
    identities_of,
    memberships_at,
    profiles_of,
)
from personalization.segments.models import Membership, Segment
from personalization.segments.state import has_ended, state_of
from personalization.types import ASKED_PURPOSES, Json, JsonObject

_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,50}", re.ASCII)


class SegmentList(ApiView):
    """Every segment there is."""

    def get(self, request: Request) -> Response:
        now, page = timezone.now(), read_page(request.query_params)
        listed = Segment.objects.listed().filter(pk__gt=page.after).order_by("pk")
        found = list(listed[: page.wanted])
        segments, following = page.cut(found, lambda segment: segment.pk)
        return Response({"segments": _told(segments, now=now), "next": following})


class SegmentDetail(ApiView):
    """One segment."""

    def get(self, request: Request, slug: str) -> Response:
        [told] = _told([_segment(slug)], now=timezone.now())
        return Response(told)


class SegmentMembers(ApiView):
    """Who is in a segment; who is in one that is kept by hand can be changed."""

    def get(self, request: Request, slug: str) -> Response:
        """List the members of now, or of those the ones who came in within a span."""
        segment, now, page = _segment(slug), timezone.now(), read_page(request.query_params)
        rows = memberships_at(now).filter(segment=segment, profile__gt=page.after)
        if not segment.active:
            rows = rows.none()
        if since := _instant(request, "since"):
            rows = rows.filter(since__gte=since)
        if until := _instant(request, "until"):
            rows = rows.filter(since__lt=until)
        if (purpose := _purpose(request)) is not None:
            rows = rows.filter(**{f"profile__snapshot__consents__{purpose}": True})
        found = list(rows.order_by("profile")[: page.wanted])
        members, following = page.cut(found, lambda row: row.profile_id)
        identities = identities_of(row.profile_id for row in members)
        consents = _consents(row.profile_id for row in members)
        told = [
            {
                "profileId": row.profile_id,
                "identities": _identities(identities.get(row.profile_id, [])),
                "consents": consents.get(row.profile_id, []),
                **_span(row),
            }
            for row in members
        ]
        return Response({"members": told, "next": following})

    def post(self, request: Request, slug: str) -> Response:
        """Put people in, each until the end that is said for them."""
        now, data = timezone.now(), request.data
        segment, listed = _writable(slug, now=now, adding=True), read_members(data)
        try:
            usual = read_until(data, usual=None, now=now)
        except MemberRejected as error:
            raise BodyRejected(str(error), code=error.code, pointer=error.pointer) from None
        read = _read(listed, usual=usual, now=now)
        ends = {found.profile_id: found.until for found in read.accepted}
        add_members_until(segment, ends, now=now)
        return Response(read.answer)

    def delete(self, request: Request, slug: str) -> Response:
        """Take people out; who is not in it is none the worse for it."""
        now = timezone.now()
        segment, listed = _writable(slug, now=now, adding=False), read_members(request.data)
        read = _read(listed, usual=None, now=now)
        remove_members(segment, [found.profile_id for found in read.accepted], now=now)
        return Response(read.answer)


class Memberships(ApiView):
    """Which segments somebody is in."""

    def get(self, request: Request) -> Response:
        """Find somebody by one of their names, and list the segments of now."""
        now = timezone.now()
        try:
            [found] = profiles_of([_asked_for(request.query_params)])
        except MemberRejected as error:
            raise RequestRejected(str(error), code=error.code) from None
        if isinstance(found, MemberRejected):
            raise NotThere(str(found), code=found.code)
        rows = memberships_at(now).filter(profile=found, segment__active=True)
        rows = rows.select_related("segment").order_by("segment__slug")
        return Response(
            {
                "profileId": found,
                "consents": _consents([found]).get(found, []),
                "memberships": [{"segment": row.segment.slug, **_span(row)} for row in rows],
            }
        )


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A member of a request who exists."""

    profile_id: int
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class _Read:
    """What a list of members comes to."""

    accepted: Sequence[_Found]
    rejected: Sequence[JsonObject]

    @property
    def answer(self) -> JsonObject:
        return {"success": True, "accepted": len(self.accepted), "rejected": self.rejected}


def _read(listed: Sequence[Any], *, usual: datetime | None, now: datetime) -> _Read:
    """Read each member by itself: a bad one leaves its neighbours alone."""
    good: list[tuple[int, Named, datetime | None]] = []
    bad: dict[int, ItemRejected] = {}
    for index, item in enumerate(listed):
        try:
            good.append((index, read_named(item), read_until(item, usual=usual, now=now)))
        except MemberRejected as error:
            bad[index] = error
    accepted = []
    profiles = profiles_of([named for _, named, _ in good])
    for (index, _, until), found in zip(good, profiles, strict=True):
        if isinstance(found, MemberRejected):
            bad[index] = found
        else:
            accepted.append(_Found(profile_id=found, until=until))
    rejected: list[JsonObject] = [
        {"index": index, "code": error.code, "message": str(error), "pointer": error.pointer}
        for index, error in sorted(bad.items())
    ]
    return _Read(accepted=accepted, rejected=rejected)


def _asked_for(query: Mapping[str, str]) -> Named:
    """Return whom a query names: in `profileId`, `userId`, `anonymousId`, or `namespace` and
    `value`."""
    said: dict[str, Any] = {
        name: query[name] for name in ("userId", "anonymousId") if name in query
    }
    if "profileId" in query:
        number = query["profileId"]
        is_number = number.isascii() and number.isdigit() and len(number) < 20
        said["profileId"] = int(number) if is_number else number
    if "namespace" in query or "value" in query:
        said["identities"] = [{"namespace": query.get("namespace"), "value": query.get("value")}]
    return read_named(said)


def _segment(slug: str) -> Segment:
    listed = Segment.objects.listed()
    segment = listed.filter(slug=slug).first() if _SLUG.fullmatch(slug) else None
    if segment is None:
        raise NotThere(f"There is no segment {slug!r:.60}.", code="unknown_segment")
    return segment


def _writable(slug: str, *, now: datetime, adding: bool) -> Segment:
    """Return a segment that is kept by hand.

    :raises RequestRejected: 409 for one that follows a rule, or that has ended.
    """
    segment = _segment(slug)
    if segment.is_by_rule:
        raise RequestRejected(
            f"Who is in “{segment.slug}” follows from its rule; only segments kept by hand can "
            "be written.",
            code="segment_by_rule",
            status=409,
        )
    if adding and has_ended(segment, now=now):
        raise RequestRejected(
            f"“{segment.slug}” has ended; nobody can come in any more.",
            code="segment_ended",
            status=409,
        )
    return segment


def _instant(request: Request, name: str) -> datetime | None:
    stated = request.query_params.get(name)
    if not stated:
        return None
    # A plus in a query is a space, unless it was escaped: no instant has another one.
    instant = read_time(stated) or read_time(stated.replace(" ", "+"))
    if instant is None:
        raise RequestRejected(
            f"{name} is {stated[:50]!r}, which is not an ISO 8601 date and time.",
            code="invalid_time",
        )
    return instant


def _purpose(request: Request) -> str | None:
    """Return the purpose that members are to have agreed to; None: whoever is in it.

    :raises RequestRejected: for a purpose that nobody is asked for.
    """
    stated = request.query_params.get("purpose")
    if not stated:
        return None
    if stated not in ASKED_PURPOSES:
        raise RequestRejected(
            f"purpose is {stated[:50]!r}. Allowed: {', '.join(ASKED_PURPOSES)}.",
            code="unknown_purpose",
        )
    return stated


def _consents(profile_ids: Iterable[int]) -> dict[int, list[Json]]:
    """Return what each of the profiles agreed to (one query)."""
    rows = Snapshot.objects.filter(pk__in=list(profile_ids)).values_list("pk", "consents")
    return {
        profile_id: sorted(name for name, yes in consents.items() if yes is True)
        for profile_id, consents in rows
    }


def _told(segments: Sequence[Segment], *, now: datetime) -> list[JsonObject]:
    """Return the segments as they are told, each with how many are in it (one query)."""
    rows = memberships_at(now).filter(segment__in=[segment.pk for segment in segments])
    counted = rows.order_by().values("segment").annotate(n=Count("pk"))
    counts = dict(counted.values_list("segment", "n"))
    found: list[JsonObject] = []
    for segment in segments:
        state = state_of(segment, now=now)
        found.append(
            {
                "slug": segment.slug,
                "name": segment.name,
                "description": segment.description,
                "kind": segment.kind,
                "state": state,
                "endsAt": _text(segment.ends_at),
                "priority": segment.priority,
                "weight": segment.weight,
                "members": 0 if state in ("off", "ended") else counts.get(segment.pk, 0),
            }
        )
    return found


def _identities(keys: Sequence[Key]) -> list[Json]:
    return [{"namespace": key.namespace, "value": key.value} for key in keys]


def _span(row: Membership) -> dict[str, Json]:
    return {"since": _text(row.since), "until": _text(row.until)}


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
