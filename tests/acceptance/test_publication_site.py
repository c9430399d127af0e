"""The whole log of a real site through the front door: every segment counted by hand."""

from __future__ import annotations

import http.client
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django.live_server_helper import LiveServer

from personalization.clock import microseconds
from personalization.events.models import BufferedBatch, Event, Source
from personalization.profiles.models import Identity, Profile, Visit
from personalization.profiles.plan import plan
from personalization.profiles.state import State
from personalization.rules.evaluate import evaluate
from personalization.rules.nodes import Rule
from personalization.rules.occurrence import Occurrence
from personalization.rules.state import Facts
from personalization.segments.models import Segment
from personalization.segments.population import count_matching, linked, matching, members
from personalization.testing import drain
from tests.acceptance.publication_site import View, missing, read_views
from tests.rules.building import both, happened, none_of, prop, rule

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

DAY, MONTH, TICK = timedelta(days=1), timedelta(days=30), timedelta(microseconds=1)
NAME = "Document Viewed"
BATCH = 500


def test_every_segment_has_exactly_the_members_that_the_log_says(
    live_server: LiveServer,
    make_source: Callable[..., Source],
    make_segment: Callable[..., Segment],
    settings: Any,
) -> None:
    settings.PERSONALIZATION_RETENTION = timedelta(days=366 * 40)
    views = read_views()
    assert (len(views), len({view.session for view in views})) == (29_624, 15_732)
    popular = Counter(view.document for view in views).most_common(1)[0][0]
    busy = rule(happened(NAME, ">=", 3, last="P1D"))
    lost = rule(
        happened(NAME, where=both(prop("document", "=", popular))),
        none_of(happened(NAME, last="P30D")),
    )
    segments = [make_segment("busy", busy), make_segment("lost", lost)]

    make_source(write_key="server-key")
    _replay(live_server, views)
    _check_what_is_stored(views)

    sizes = Counter[str]()
    sessions = _sessions()
    for now in _instants(views, popular):
        for name, stored, count in (
            ("busy", busy, _busy(views, now)),
            ("lost", lost, _lost(views, now, popular)),
        ):
            found = linked(stored)
            assert {sessions[pk] for pk in matching(found, now=now)} == count, (name, now)
            assert count_matching(found, now=now) == len(count)
            assert _by_memory(found, views, now) == count, (name, now)
            sizes[name] += bool(count)
    assert min(sizes["busy"], sizes["lost"]) >= 5, "there was somebody to find"

    now = datetime.now(UTC)
    expected = [_busy(views, now), _lost(views, now, popular)]
    live = [members(segment, now=now).values_list("pk", flat=True) for segment in segments]
    assert [{sessions[pk] for pk in ids} for ids in live] == expected


def _replay(site: LiveServer, views: Sequence[View]) -> None:
    """Post every view, each visit as one anonymous visitor, and let the worker run."""
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc)
    path = "/p/v1/batch?writeKey=server-key"
    for start in range(0, len(views), BATCH):
        batch = [
            _call(number, views[number]) for number in range(start, min(start + BATCH, len(views)))
        ]
        connection.request("POST", path, json.dumps({"batch": batch}))
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert (response.status, answer["accepted"]) == (200, len(batch)), answer
    connection.close()
    assert drain() == -(-len(views) // BATCH)


def _call(number: int, view: View) -> dict[str, Any]:
    return {
        "type": "track",
        "event": NAME,
        "anonymousId": view.session,
        "properties": {"document": view.document},
        "timestamp": view.at.isoformat(),
        "messageId": f"line-{number}",
    }


def _check_what_is_stored(views: Sequence[View]) -> None:
    assert not BufferedBatch.objects.exists()
    stored = Event.objects.values_list("identity__value", "properties__document", "timestamp")
    assert Counter(stored) == Counter((v.session, v.document, v.at) for v in views)
    assert Profile.objects.count() == 15_732
    assert Visit.objects.count() == 15_740, "eight visitors came a second time"


def _sessions() -> dict[int, str]:
    return dict(Identity.objects.values_list("profile", "value"))


def _instants(views: Sequence[View], popular: str) -> list[datetime]:
    """Return instants around which memberships begin and end, and some between."""
    counted = Counter((view.session, view.at) for view in views)
    crowded = max(counted, key=lambda visit: counted[visit])[1]
    viewed = [view.at for view in views if view.document == popular]
    early, late = min(viewed), sorted(viewed)[len(viewed) // 2]
    return [
        min(view.at for view in views) - TICK,
        *(crowded + offset for offset in (-TICK, timedelta(0), DAY - TICK, DAY)),
        *(early + offset for offset in (MONTH - TICK, MONTH)),
        *(late + offset for offset in (-TICK, timedelta(0), MONTH - TICK, MONTH)),
        datetime(2007, 1, 1, tzinfo=UTC),
        max(view.at for view in views),
    ]


def _busy(views: Sequence[View], now: datetime) -> set[str]:
    """At least 3 views within 24 hours."""
    counted = Counter(view.session for view in views if now - DAY < view.at <= now)
    return {session for session, n in counted.items() if n >= 3}


def _lost(views: Sequence[View], now: datetime, popular: str) -> set[str]:
    """Viewed the most viewed document at least once ever, and nothing in the last 30 days."""
    ever = {view.session for view in views if view.document == popular and view.at <= now}
    return ever - {view.session for view in views if now - MONTH < view.at <= now}


def _by_memory(found: Rule, views: Sequence[View], now: datetime) -> set[str]:
    """Fold each visitor's history up to `now` and ask the rule in memory."""
    needs = plan(need for leaf in found.leaves() for need in leaf.needs())
    states: dict[str, State] = defaultdict(State)
    for number, view in enumerate(views):
        if view.at <= now:
            properties = {"document": view.document}
            at = microseconds(view.at)
            occurrence = Occurrence("track", NAME, properties, at, f"line-{number}")
            states[view.session].apply([occurrence], needs)
    at = microseconds(now)
    return {
        session
        for session, state in states.items()
        if evaluate(found, Facts(counters=state.counters), now=at).holds
    }
