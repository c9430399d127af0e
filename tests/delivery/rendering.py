"""Render a piece of template as a page of the site would."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from django.template import engines
from django.test import RequestFactory
from django.utils import timezone

from personalization import metrics
from personalization.delivery.visitor import Visitor
from tests.delivery.people import Person

HERO = (
    '{% personalized_block "hero" %}default'
    '{% variant "abandoners" %}for abandoners{% variant "loyal" %}for the loyal'
    "{% endpersonalized_block %}"
)


def request_of(person: Person | None, *, now: datetime | None = None) -> HttpRequest:
    """Return a request as the middleware hands it on."""
    request = RequestFactory().get("/")
    if person is not None:
        request.COOKIES.update(person.cookies)
    request.personalization = Visitor(request, now=now or timezone.now())  # type: ignore[attr-defined]
    return request


def render(source: str, person: Person | None = None, *, now: datetime | None = None) -> str:
    """Return what `source` renders to for the person; None is a visitor without an id."""
    return render_in(source, request_of(person, now=now))


def render_in(source: str, request: HttpRequest | None, **context: object) -> str:
    template = engines["django"].from_string("{% load personalization %}" + source)
    return str(template.render(context, request))


def counted(name: str) -> int:
    """Return how often the metric `name` was counted in this process."""
    return metrics.snapshot().get(name, 0)
