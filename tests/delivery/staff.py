"""Members of the staff who look closer at pages, as tests make them."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from personalization.clock import microseconds
from personalization.delivery.ticket import COOKIE, Ticket, set_ticket
from personalization.segments.models import Segment
from tests.conftest import BROWSER

_numbers = count(1)
USUAL = ("preview", "view_segment", "view_profile")


def make_staff(*codenames: str, staff: bool = True) -> User:
    user = User.objects.create_user(f"staff-{next(_numbers)}", is_staff=staff)
    found = Permission.objects.filter(
        content_type__app_label="personalization", codename__in=codenames
    )
    assert len(found) == len(codenames)
    user.user_permissions.set(found)
    return user


def staff_client(user: User | None = None) -> tuple[Client, User]:
    """Return the browser of somebody who may preview."""
    user = user or make_staff(*USUAL)
    client = Client(headers={"user-agent": BROWSER})
    client.force_login(user)
    return client, user


def ticket_for(user: User, **fields: Any) -> Ticket:
    usual = {"user": str(user.pk), "kind": "segments", "begun": microseconds(timezone.now())}
    return Ticket(**{**usual, **fields})


def give(client: Client, ticket: Ticket) -> Client:
    """Put the cookie of the ticket into the browser."""
    response = HttpResponse()
    set_ticket(response, ticket)
    client.cookies[COOKIE] = response.cookies[COOKIE].value
    return client


def looking_as(*slugs: str, **fields: Any) -> Client:
    """Return the browser of somebody who sees the site as who is in these segments."""
    client, user = staff_client()
    ids = Segment.objects.filter(slug__in=slugs).values_list("pk", flat=True)
    return give(client, ticket_for(user, segments=tuple(ids), **fields))


def inspected(html: str) -> Any:
    """Return what the page has for the panel."""
    start = html.index('<script type="application/json">') + len('<script type="application/json">')
    found: Any = json.loads(html[start : html.index("</script>", start)])
    return found


def slot_of(html: str, slug: str) -> Any:
    slots: Any = inspected(html)["slots"]
    return next(slot for slot in slots if slot["slot"] == slug)
