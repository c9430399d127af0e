"""The visits of a real site as its web server would have logged them: every count by hand."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Count

from personalization.events.models import Event, Source
from personalization.ingest.models import HeldEvent, ImportRun
from personalization.profiles.models import Profile
from tests.acceptance.publication_site import View, missing, read_views
from tests.ingest.imports.files import logged

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def _lines(views: list[View]) -> Iterator[str]:
    """Log each view as a server does: with the page's style sheet, and a crawler now and then."""
    numbers = {session: number for number, session in enumerate({v.session: 0 for v in views})}
    for place, view in enumerate(views):
        address = str(IPv4Address("10.0.0.0") + numbers[view.session])
        time = f"{view.at:%d/%b/%Y:%H:%M:%S} +0000"
        yield logged(f"/{view.document}", address=address, time=time)
        yield logged("/static/site.css", address=address, time=time)
        if place % 7 == 0:
            yield logged(f"/{view.document}", address="192.0.2.1", time=time, agent=GOOGLEBOT)


def test_what_is_stored_of_a_log_is_what_a_plain_count_finds(
    make_source: Callable[..., Source], tmp_path: Path, settings: Any
) -> None:
    settings.PERSONALIZATION_RETENTION = timedelta(days=366 * 40)
    source, views = make_source(slug="log"), read_views()
    path = tmp_path / "access.log.gz"
    path.write_bytes(gzip.compress("".join(_lines(views)).encode()))
    arguments = ("import_events", str(path), "--source", "log", "--format", "access-log")
    call_command(*arguments, "--process")

    run = ImportRun.objects.get()
    crawled = -(-len(views) // 7)
    assert (run.accepted, run.rejected, run.skipped) == (len(views), 0, len(views) + crawled)
    assert run.lines == 2 * len(views) + crawled

    often = Counter(view.session for view in views)
    seen = [view for view in views if often[view.session] > 1]
    assert Profile.objects.count() == len({view.session for view in seen})
    assert HeldEvent.objects.count() == len(views) - len(seen)
    assert HeldEvent.objects.values("value").distinct().count() == HeldEvent.objects.count()
    stored = dict(
        Event.objects.filter(source=source, name="Page Viewed")
        .values_list("properties__path")
        .annotate(n=Count("pk"))
    )
    assert stored == Counter(f"/{view.document}" for view in seen)
    visits = Event.objects.values("identity").annotate(n=Count("pk")).values_list("n", flat=True)
    assert sorted(visits) == sorted(often[session] for session in {view.session for view in seen})
    first, last = min(view.at for view in seen), max(view.at for view in seen)
    assert Event.objects.earliest("timestamp").timestamp == first
    assert Event.objects.latest("timestamp").timestamp == last

    before = Event.objects.count()
    call_command(*arguments, "--again", "--process")
    assert Event.objects.count() == before
