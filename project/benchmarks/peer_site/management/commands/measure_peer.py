"""`django-admin measure_peer 0 10 50`: what the page costs on the peer's site, as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import BaseCommand
from django.test import RequestFactory
from wagtail.models import Locale, Page, Site

from project.benchmarks import render_page
from project.benchmarks.content import ADDRESS, HEADERS, PRODUCTS, SLOTS, product_fields, text_of
from project.benchmarks.database import throwaway_database
from project.benchmarks.peer_site.models import Category, Product, SlotsPage

PERSONALISED = apps.is_installed("wagtail_personalisation")
if PERSONALISED:
    from project.benchmarks.peer_site.segments import seed_segments

#: How the peer writes that a block is shown to all.
EVERYBODY = -1


class Command(BaseCommand):
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("segments", nargs="+", type=int)
        parser.add_argument("--seconds", type=float, required=True)
        parser.add_argument("--rounds", type=int, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        effort = {name: options[name] for name in ("seconds", "rounds")}
        self.stdout.write(json.dumps([_measure(n, **effort) for n in options["segments"]]))


def _measure(n: int, *, seconds: float, rounds: int) -> dict[str, Any]:
    """Measure the page with `n` segments, in a database of its own, for a visitor who is back."""
    with throwaway_database():
        shown = _seed(n)
        visited = _visited()
        html = visited.get().decode()
        if any(text not in html for text in shown):
            raise RuntimeError("The page does not show what the visitor's segments should see.")
        queries = visited.queries()
        cost = render_page.again_and_again(visited.cost, seconds=seconds, rounds=rounds)
        return {"segments": n, "queries": queries, "bytes": len(html), **cost._asdict()}


def _seed(n: int) -> Sequence[str]:
    """Add the page, what it lists and its segments; return what the visitor is to see."""
    category = Category.objects.create(name="Boots")
    Product.objects.bulk_create(
        Product(category=category, **product_fields(number)) for number in range(PRODUCTS)
    )
    Locale.objects.get_or_create(language_code=settings.LANGUAGE_CODE)
    root = Page.add_root(title="Root", slug="root")
    page = SlotsPage(title="Slots", slug="slots")
    root.add_child(instance=page)
    Site.objects.create(hostname="testserver", root_page=page, is_default_site=True)
    segments = seed_segments(n, page=page) if n else [EVERYBODY]
    texts = [text_of(slot) for slot in range(SLOTS)]
    page.body = [
        (
            "slot",
            {"text": text, **({"segment": _of_turn(segments, slot)} if PERSONALISED else {})},
        )
        for slot, text in enumerate(texts)
    ]
    page.save_revision().publish()
    return texts


def _of_turn(segments: Sequence[int], slot: int) -> int:
    return segments[slot % len(segments)]


def _visited() -> render_page.Page:
    """Return the page for a visitor who was there before: with a session, if there are any."""
    handler = WSGIHandler()
    first = handler.get_response(RequestFactory().get(f"/{ADDRESS}", headers=HEADERS))
    cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in first.cookies.items())
    page = render_page.Page(handler, f"/{ADDRESS}", {**HEADERS, "cookie": cookies})
    for _ in range(3):
        page.get()
    return page
