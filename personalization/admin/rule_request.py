"""What the rule editor sends, and who may ask for what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import HttpRequest

from personalization.admin.read_only import may, may_view
from personalization.admin.rule_json import NotJson, read_json
from personalization.profiles.models import Profile
from personalization.rules.leaves.context import FIELDS
from personalization.rules.reading import MAX_TEXT
from personalization.segments.models import Segment
from personalization.types import Json, JsonObject

USUAL_DAYS, MAX_DAYS = 30, 366
_TICKET = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A rule as edited, the slug of its segment, and what else a view looks at.

    `ticket` names a running count, so that it can be stopped; empty: it cannot. `days` are
    those to replay, `everybody` whether of all visitors. `context` is a request made up for
    a trial, as the `context` conditions of rules see one.
    """

    rule: Json
    slug: str
    visitor: str
    ticket: str
    days: int
    everybody: bool
    context: JsonObject


def read_request(request: HttpRequest) -> Asked:
    """Return what was asked.

    :raises NotJson:
    """
    try:
        data = read_json(request.body)
    except RequestDataTooBig:
        raise NotJson("The rule is too large.") from None
    if not isinstance(data, Mapping):
        raise NotJson
    ticket = str(data.get("ticket") or "")
    return Asked(
        rule=data.get("rule"),
        slug=str(data.get("slug") or ""),
        visitor=str(data.get("visitor") or "").strip(),
        ticket=ticket if _TICKET.fullmatch(ticket) else "",
        days=_days(data.get("days")),
        everybody=data.get("everybody") is True,
        context=context_of(data.get("context")),
    )


def context_of(value: Json) -> JsonObject:
    """Return the fields of a request that can be made up; others are left out."""
    found: dict[str, Json] = {}
    utm: dict[str, Json] = {}
    for name, text in value.items() if isinstance(value, Mapping) else ():
        if name in FIELDS and FIELDS[name].type == "text" and isinstance(text, str):
            family, _, part = name.partition(".")
            if part:
                utm[part] = text[:MAX_TEXT]
            else:
                found[family] = text[:MAX_TEXT]
    return {**found, "utm": utm}


def _days(value: Json) -> int:
    """Return a number of days that can be replayed; what is none is the usual one."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_DAYS:
        return value
    return USUAL_DAYS


def require_segments(request: HttpRequest) -> None:
    """:raises PermissionDenied: to who may neither see nor add segments."""
    if not (may_view(request, Segment) or may(request, "add", Segment)):
        raise PermissionDenied


def require_profiles(request: HttpRequest) -> None:
    """:raises PermissionDenied: also to who may not see who the visitors are."""
    require_segments(request)
    if not may_view(request, Profile):
        raise PermissionDenied
