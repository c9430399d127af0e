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
from project.shop.models import Product

SLOTS, SEGMENTS = 20, 50

_PAGE = """{% load personalization %}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title></head>
<body><h1>{{ title }}</h1>
<ul>{% for product in products %}
<li><a href="{{ product.get_absolute_url }}">{{ product.name }}</a>
<span>{{ product.category.name }}</span><b>{{ product.price }}</b>
{% if product.was_price %}<s>{{ product.was_price }}</s>{% endif %}</li>{% endfor %}</ul>
<main>%%</main></body></html>"""

#: visitor → the HTML that `page` shows them in its slots.
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


def slots() -> str:
    """Return the slots of the page: each has a default and three variants of its own."""
    return "\n".join(
        f'{{% personalized_block "slot-{i}" %}}<p>The default of slot {i}</p>'
        + "".join(
            f'{{% variant "segment-{(3 * i + j) % SEGMENTS}" %}}<p>Variant {j} of slot {i}</p>'
            for j in range(3)
        )
        + "{% endpersonalized_block %}"
        for i in range(SLOTS)
    )


def page(request: HttpRequest) -> HttpResponse:
    """The page with the app: what it shows depends on the visitor."""
    return _page(request, slots())


def page_without(request: HttpRequest, visitor: str) -> HttpResponse:
    """The page without the app: the very same HTML stands in its template."""
    return _page(request, shown[visitor])


def _page(request: HttpRequest, main: str) -> HttpResponse:
    products = Product.objects.select_related("category").order_by("position")
    context = {"title": "Everything we have", "products": products}
    return HttpResponse(_template(main).render(context, request))


@cache
def _template(main: str) -> Any:
    return engines["django"].from_string(_PAGE.replace("%%", main))


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
