"""Count page views without knowing anybody: no cookie, no profile, no event.

Whether somebody was counted today is known by a digest of the part of the address that many
share, the kind of browser and the salt of the day. With the salt, gone the next day, goes
every way to tell who it was, or that it was the same as the day before.

Source: CNIL, “Cookies: solutions pour les outils de mesure d'audience”: for the publisher alone,
anonymous statistics only, nothing joined with other data, no person followed across sites.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Final

from django.db import connections, router, transaction
from django.utils import timezone

from personalization import bulk
from personalization.ingest.audience_models import AudienceCount, AudienceSalt, AudienceVisitor

PAGE, REFERRER, DEVICE, TOTAL = "page", "referrer", "device", "total"
#: Different names of a kind on a day: pages and referrers without end could be sent otherwise.
MOST: Final[Mapping[str, int]] = {PAGE: 2_000, REFERRER: 500}
#: What is counted of those that find no room. No page and no host is called so.
OTHERS: Final = "…"
#: Characters of a name that are kept.
LONGEST: Final = 300

_TABLET = re.compile(r"iPad|Tablet|Android(?!.*Mobile)")
_PHONE = re.compile(r"Mobi|iPhone|iPod")


@dataclass(frozen=True, kw_only=True)
class View:
    """A page that was looked at: `referrer` is the host that led here from outside.

    `network` and `browser` are as much of the address and the user agent as is looked at.
    """

    page: str
    referrer: str = ""
    device: str = "desktop"
    network: str = ""
    browser: str = ""


#: (kind, name) of a count.
_Place = tuple[str, str]


def device_of(user_agent: str) -> str:
    """Return which class of device a browser is on."""
    if _TABLET.search(user_agent):
        return "tablet"
    return "mobile" if _PHONE.search(user_agent) else "desktop"


def count_view(view: View, *, now: datetime) -> None:
    """Count it, whoever else counts at the same time (four queries, seldom six)."""
    day = day_of(now)
    with transaction.atomic():
        salt = _salt(day)
        places = _with_room(_places(view), day)
        digests = {_digest(salt, view, place): place for place in places}
        rows = [{"day": day.isoformat(), "digest": digest} for digest in sorted(digests)]
        fresh = bulk.insert_new(AudienceVisitor, rows, key=("day", "digest"))
        first = {digests[digest] for _, digest in fresh}
        _add([(place, place in first) for place in places], day)


def day_of(now: datetime) -> date:
    """Return the day of the site."""
    return timezone.localdate(now, timezone.get_default_timezone())


def forget_yesterday(*, now: datetime) -> int:
    """Delete what could tell who was here before today; return how many rows."""
    return _forget(day_of(now))


def _forget(day: date) -> int:
    salts, _ = AudienceSalt.objects.filter(day__lt=day).delete()
    return salts + AudienceVisitor.objects.filter(day__lt=day).delete()[0]


def _salt(day: date) -> str:
    # Not remembered in the process: a salt must be nowhere once its row is gone.
    found = AudienceSalt.objects.filter(day=day).values_list("salt", flat=True).first()
    if found is not None:
        return found
    _forget(day)
    salt, _ = AudienceSalt.objects.get_or_create(day=day, defaults={"salt": secrets.token_hex(32)})
    return salt.salt


def _places(view: View) -> list[_Place]:
    """Return where it counts. In this order rows are locked: what everybody waits for last."""
    places = [(DEVICE, view.device), (PAGE, view.page)]
    if view.referrer:
        places.append((REFERRER, view.referrer))
    return [*places, (TOTAL, "")]


def _with_room(places: Sequence[_Place], day: date) -> list[_Place]:
    """Return the places, with `OTHERS` for what is new where a day has enough names."""
    bounded = [place for place in places if place[0] in MOST]
    today = AudienceCount.objects.filter(day=day)
    known = set(
        today.filter(
            kind__in=[kind for kind, _ in bounded], name__in=[name for _, name in bounded]
        ).values_list("kind", "name")
    )
    full = {
        kind
        for kind, name in bounded
        if (kind, name) not in known and today.filter(kind=kind).count() >= MOST[kind]
    }
    return [
        (kind, OTHERS) if kind in full and (kind, name) not in known else (kind, name)
        for kind, name in places
    ]


def _digest(salt: str, view: View, place: _Place) -> str:
    """Return what stands for the visitor at this place alone: no two of them can be joined."""
    facts = json.dumps([view.network, view.browser, *place])
    return hmac.new(salt.encode(), facts.encode(), hashlib.sha256).hexdigest()


def _add(counted: Sequence[tuple[_Place, bool]], day: date) -> None:
    """Add to the counts, in one statement. Django's own upsert can replace, but not add."""
    connection = connections[router.db_for_write(AudienceCount)]
    at = connection.ops.adapt_datefield_value(day)
    rows = [(at, *place, 1, int(is_first)) for place, is_first in counted]
    table = AudienceCount._meta.db_table
    sql = (  # of names of our own; the values are parameters
        f"INSERT INTO {table} (day, kind, name, views, visitors)"  # noqa: S608
        f" VALUES {', '.join(['(%s, %s, %s, %s, %s)'] * len(rows))}"
        " ON CONFLICT (day, kind, name) DO UPDATE SET"
        f" views = {table}.views + excluded.views,"
        f" visitors = {table}.visitors + excluded.visitors"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, list(chain.from_iterable(rows)))
