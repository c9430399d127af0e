"""The page with the app and without it, and the view that ingest is measured against."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.views.decorators.csrf import csrf_exempt

from personalization import bulk
from project.benchmarks.content import SLOTS, TITLE, page_around, text_of
from project.shop.models import Product

#: The number that stands in what a slot shows by default.
DEFAULT = 9

#: Name of a page → the HTML that its slots show.
shown: dict[str, str] = {}


class RawBody(models.Model):
    """One row for each request: the least that keeps what a client sent."""

    body = models.TextField()

    objects: models.Manager[RawBody] = models.Manager()

    class Meta:
        app_label = "benchmarks"  # an app nobody installs: only a benchmark makes its table

    def __str__(self) -> str:
        return self.body


class RawEvent(models.Model):
    """One row for each event, without index or constraint."""

    message_id = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    properties = models.JSONField()
    context = models.JSONField()
    timestamp = models.DateTimeField()

    objects: models.Manager[RawEvent] = models.Manager()

    class Meta:
        app_label = "benchmarks"

    def __str__(self) -> str:
        return self.message_id


def slots(segments: int) -> str:
    """Return the slots of the page: each has a default and three variants of its own, as far
    as there are segments."""
    variants = range(3 if segments else 0)
    return "\n".join(
        f'{{% personalized_block "slot-{slot}" %}}{text_of(slot, variant=DEFAULT)}'
        + "".join(
            f'{{% variant "segment-{(3 * slot + variant) % segments}" %}}'
            f"{text_of(slot, variant=variant)}"
            for variant in variants
        )
        + "{% endpersonalized_block %}"
        for slot in range(SLOTS)
    )


def page(request: HttpRequest, segments: int) -> HttpResponse:
    """The page with the app: what it shows depends on the visitor."""
    return _page(request, slots(segments))


def page_without(request: HttpRequest, name: str) -> HttpResponse:
    """The page without the app: the very same HTML stands in its template."""
    return _page(request, shown[name])


def _page(request: HttpRequest, main: str) -> HttpResponse:
    products = Product.objects.select_related("category").order_by("position")
    context = {"title": TITLE, "products": products}
    return HttpResponse(_template(main).render(context, request))


@cache
def _template(main: str) -> Any:
    return engines["django"].from_string(page_around(main, load="personalization"))


@csrf_exempt
def bare(request: HttpRequest) -> HttpResponse:
    """Keep the raw body in one row: what durable ingest cannot do without."""
    RawBody.objects.create(body=request.body.decode())
    return HttpResponse('{"success": true}', content_type="application/json")


@csrf_exempt
def copy_body(request: HttpRequest) -> HttpResponse:
    """COPY the raw body into one row: the fastest way into the database, nothing looked at."""
    bulk.insert(RawBody, [{"body": request.body.decode()}])
    return HttpResponse('{"success": true}', content_type="application/json")


@csrf_exempt
def copy_rows(request: HttpRequest) -> HttpResponse:
    """COPY each event into a row of its own: what taking a batch apart cannot do without."""
    events = json.loads(request.body)["batch"]
    bulk.insert(
        RawEvent,
        [
            {
                "message_id": event["messageId"],
                "name": event["event"],
                "properties": event["properties"],
                "context": event["context"],
                "timestamp": event["timestamp"],
            }
            for event in events
        ],
    )
    return HttpResponse('{"success": true}', content_type="application/json")
