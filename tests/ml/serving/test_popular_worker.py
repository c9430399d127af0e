"""A worker counts what is popular and publishes it; processes read it, and do without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization import hints, metrics, tasks
from personalization.events.models import Event
from personalization.ml.models import FeedbackWeight, Item, PopularityCount
from personalization.ml.serving import popular_log, popular_now, popular_row, popular_worker
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.popular_log import Log
from personalization.ml.serving.popular_now import FRESH, STALE, popular
from personalization.ml.serving.popular_row import AHEAD
from personalization.ml.serving.popular_worker import JUST, count_popularity
from personalization.profiles.models import Identity
from tests.delivery.people import make_person, make_segments
from tests.delivery.recommending import look_at, make_items
from tests.delivery.rendering import render

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@contextmanager
def queries() -> Iterator[list[str]]:
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    found += [each["sql"] for each in captured if "SAVEPOINT" not in each["sql"]]


def counted(name: str) -> int:
    return metrics.snapshot().get(name, 0)


def served(now: datetime) -> list[str]:
    """Return what a process that has just begun finds popular."""
    popular_now.forget()
    return [key for key, _score in popular(now=now).ranked]


def published() -> PopularityCount:
    return PopularityCount.objects.get()


class TestPublished:
    def test_what_was_counted_is_served_at_one_query_by_its_key(self, now: datetime) -> None:
        look_at(make_person(), "a", "b")
        look_at(make_person(), "a")
        assert count_popularity(now=now) == 3
        here = counted("popular.counted_here")
        with queries() as asked:
            assert served(now) == ["a", "b"]
            for seconds in range(60):
                popular(now=now + timedelta(seconds=seconds))
        assert len(asked) == 1
        assert PopularityCount._meta.db_table in asked[0]
        assert Event._meta.db_table not in asked[0]
        assert counted("popular.counted_here") == here

    def test_a_process_looks_again_after_a_minute(self, now: datetime) -> None:
        look_at(make_person(), "a")
        count_popularity(now=now)
        assert served(now) == ["a"]
        for _ in range(2):
            look_at(make_person(), "b")
        count_popularity(now=now + MINUTE)
        assert [key for key, _ in popular(now=now + MINUTE - timedelta(seconds=1)).ranked] == ["a"]
        with queries() as asked:
            assert [key for key, _ in popular(now=now + FRESH).ranked] == ["b", "a"]
        assert len(asked) == 1

    def test_a_request_counts_nothing(self, now: datetime) -> None:
        make_items("a")
        look_at(make_person(), "a")
        count_popularity(now=now)
        popular_now.forget()
        with queries() as asked:
            render('{% recommend "home" as items %}{{ items.0.item.key }}')
        assert sum(PopularityCount._meta.db_table in each for each in asked) == 1
        assert not [each for each in asked if Event._meta.db_table + '"' in each]

    def test_nothing_is_published_where_nothing_happened_and_nobody_counts_again(
        self, now: datetime
    ) -> None:
        assert count_popularity(now=now) == 0
        assert (published().events, published().since) == (0, None)
        with queries() as asked:
            assert served(now) == []
        assert len(asked) == 1

    def test_it_says_what_was_counted(self, now: datetime) -> None:
        look_at(make_person(), "a", "b", minutes=30)
        count_popularity(now=now)
        found = popular(now=now).count
        assert found is not None
        assert (found.at, found.events) == (now, 2)
        assert found.since == Event.objects.earliest("timestamp").timestamp == published().since
        assert str(published()).startswith("items: 20")

    def test_segments_are_published_too(self, now: datetime) -> None:
        segment = make_segments("loyal")["loyal"]
        for _ in range(60):
            look_at(make_person(), "hat")
        for _ in range(30):
            look_at(make_person("loyal"), "shoe")
        count_popularity(now=now)
        found = popular(now=now)
        assert found.ranked[0][0] == "hat"
        assert found.among({str(segment.serving_id)}).ranked[0][0] == "shoe"

    def test_beyond_the_best_those_of_each_category_are(
        self, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(popular_row, "ITEMS", 2)
        make_items("c", category="rare")
        make_items("d")
        for n in range(1, 5):
            look_at(make_person(), *"abcd"[:n])
        count_popularity(now=now)
        assert served(now) == ["a", "b", "c"]

    def test_where_all_items_are_among_the_best_no_category_is_asked_for(
        self, now: datetime
    ) -> None:
        look_at(make_person(), "a")
        with queries() as asked:
            count_popularity(now=now)
        assert not [each for each in asked if f'"{Item._meta.db_table}"' in each]


class TestWhoIsCounted:
    """Of the log as it is, and of visitors as they are."""

    @pytest.fixture
    def people(self, now: datetime) -> list[Any]:
        people = [make_person() for _ in range(2)]
        look_at(people[0], "a", "b")
        look_at(people[1], "a")
        count_popularity(now=now)
        return people

    def again(self, now: datetime) -> list[str]:
        count_popularity(now=now + MINUTE)
        return served(now + MINUTE)

    def test_who_withdraws_is_gone_with_the_next_count(
        self, people: list[Any], now: datetime
    ) -> None:
        people[0].agree_to("analytics")
        assert self.again(now) == ["a"]
        people[1].agree_to()
        count_popularity(now=now + 2 * MINUTE)
        assert served(now + 2 * MINUTE) == []

    def test_and_who_agrees_is_there(self, people: list[Any], now: datetime) -> None:
        late = make_person(consents=("analytics",))
        look_at(late, "c")
        assert "c" not in self.again(now)
        late.agree_to("personalization")
        count_popularity(now=now + 2 * MINUTE)
        assert "c" in served(now + 2 * MINUTE)

    def test_who_was_erased_is_gone(self, people: list[Any], now: datetime) -> None:
        people[0].profile.delete()
        assert self.again(now) == ["a"]
        assert published().events == 1

    def test_who_turn_out_to_be_one_person_count_once(
        self, people: list[Any], now: datetime
    ) -> None:
        look_at(people[1], "b", "b")
        for _ in range(2):
            look_at(make_person(), "b")
        assert self.again(now) == ["b", "a"]
        Identity.objects.all().update(profile=people[0].profile)
        count_popularity(now=now + 2 * MINUTE)
        found = dict(popular_now._read(None, now + 2 * MINUTE).ranked)
        assert found["a"] == pytest.approx(found["b"], rel=0.05)

    def test_an_event_that_comes_late_counts_by_when_it_happened(
        self, people: list[Any], now: datetime
    ) -> None:
        for _ in range(9):
            look_at(make_person(), "late", minutes=60 * 24 * 15)
        look_at(make_person(), "in time", minutes=60)
        assert self.again(now) == ["a", "b", "in time"]

    def test_who_left_a_segment_counts_in_it_no_more(self, now: datetime) -> None:
        make_segments("loyal")
        members = [make_person("loyal") for _ in range(30)]
        for member in members:
            look_at(member, "shoe")
        count_popularity(now=now)
        assert len(popular_now._read(None, now).groups) == 1
        for member in members[:15]:
            member.enter()
        count_popularity(now=now + MINUTE)
        assert popular_now._read(None, now + MINUTE).groups == {}

    def test_what_events_weigh_anew_counts_at_once(self, people: list[Any], now: datetime) -> None:
        look_at(make_person(), "b", event="Wished For")
        assert self.again(now) == ["a", "b"]
        FeedbackWeight.objects.create(event="Wished For", weight=9, property="product_id")
        count_popularity(now=now + 2 * MINUTE)
        assert served(now + 2 * MINUTE) == ["b", "a"]


class TestIncrement:
    """What an event says is read once, and no more of the log is looked at than is counted."""

    def contents_read(self, asked: list[str]) -> int:
        return sum('"properties"' in each for each in asked)

    def test_only_new_events_are_read(self, now: datetime) -> None:
        look_at(make_person(), "a", "b")
        log = Log(n=10)
        events = popular_now.item_events()
        with queries() as asked:
            first = log.count(events=events, now=now)
        assert self.contents_read(asked) == 1
        with queries() as asked:
            again = log.count(events=events, now=now)
        assert self.contents_read(asked) == 0
        assert again.scores == first.scores
        look_at(make_person(), "b")
        with queries() as asked:
            assert log.count(events=events, now=now).ranked[0][0] == "b"
        assert self.contents_read(asked) == 1

    def test_a_log_that_was_put_back_is_read_anew(self, now: datetime) -> None:
        """What was written since has numbers that others had before."""
        log, events = Log(n=10), popular_now.item_events()
        look_at(make_person(), "a", minutes=9)
        log.count(events=events, now=now)
        Event.objects.update(properties={"product_id": "b"}, timestamp=now - MINUTE)
        assert log.count(events=events, now=now).scores == {"b": 1.0}

    def test_queries_do_not_rise_with_visitors(self, now: datetime) -> None:
        events = popular_now.item_events()

        def asked(n: int) -> int:
            for _ in range(n):
                look_at(make_person(), "a", "b")
            with queries() as found:
                Log(n=1000).count(events=events, now=now)
            return len(found)

        assert asked(1) == asked(20)

    def test_what_was_not_read_in_one_piece_is_read_all_the_same(
        self, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(7):
            look_at(make_person(), "a", "b")
        whole = Log(n=100).count(events=popular_now.item_events(), now=now)
        monkeypatch.setattr(popular_log, "CHUNK", 3)
        assert Log(n=100).count(events=popular_now.item_events(), now=now).scores == whole.scores

    @pytest.mark.parametrize("gone", [0, 1, 3])
    def test_it_makes_no_difference_where_it_begins_to_look(self, now: datetime, gone: int) -> None:
        """Not even where of the newest ones some have gone, so that older ones count again."""
        look_at(make_person(), *"abcdefgh")
        events = popular_now.item_events()
        before = Log(n=4).count(events=events, now=now)
        assert before.count is not None
        newest = Event.objects.order_by("-timestamp").values_list("pk", flat=True)[:gone]
        Event.objects.filter(pk__in=list(newest)).delete()
        look_at(make_person(), "new")
        found, plain = (
            Log(n=4).count(events=events, now=now, since=since)
            for since in (before.count.since, None)
        )
        assert found.scores == plain.scores

    @pytest.mark.parametrize("days", [-400, 400])
    def test_a_row_that_says_another_time_misleads_nobody(self, now: datetime, days: int) -> None:
        look_at(make_person(), "a", "b")
        count_popularity(now=now)
        PopularityCount.objects.update(
            since=now + timedelta(days=days), events=popular_worker.EVENTS
        )
        assert count_popularity(now=now + MINUTE) == 2

    def test_a_full_count_says_where_the_next_one_looks(
        self, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(popular_worker, "EVENTS", 2)
        popular_worker.forget()
        look_at(make_person(), "a", "b", "c")
        asked = []
        counting = Log.count
        monkeypatch.setattr(
            Log, "count", lambda log, **said: asked.append(said["since"]) or counting(log, **said)
        )
        count_popularity(now=now)
        count_popularity(now=now + MINUTE)
        assert asked == [None, published().since]
        assert served(now + MINUTE) == ["c", "b"]

    def test_what_is_erased_while_it_is_counted_is_not_counted(
        self, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look_at(make_person(), "a", "b")
        rows = Log._rows

        def erased(log: Log, *args: Any, **said: Any) -> Any:
            found = rows(log, *args, **said)
            Event.objects.filter(properties__product_id="b").delete()
            return found

        monkeypatch.setattr(Log, "_rows", erased)
        found = Log(n=10).count(events=popular_now.item_events(), now=now)
        assert found.scores == {"a": 1.0}


class TestWithoutAWorker:
    def test_a_process_counts_by_itself_and_says_so(self, now: datetime) -> None:
        look_at(make_person(), "a")
        before = counted("popular.counted_here")
        assert served(now) == ["a"]
        assert counted("popular.counted_here") == before + 1
        assert not PopularityCount.objects.exists()

    @pytest.mark.parametrize("later", [STALE + MINUTE, -AHEAD - MINUTE])
    def test_so_it_does_where_the_count_is_of_another_time(
        self, now: datetime, later: timedelta
    ) -> None:
        look_at(make_person(), "a")
        count_popularity(now=now)
        for _ in range(2):
            look_at(make_person(), "b")
        assert served(now) == ["a"]
        assert served(now + later) == ["b", "a"]

    @pytest.mark.parametrize("content", [b"", b"spoilt", b"x\x9c"])
    def test_a_count_that_is_spoilt_is_made_up_for_and_told(
        self, now: datetime, content: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        look_at(make_person(), "a")
        count_popularity(now=now)
        PopularityCount.objects.update(content=content)
        before = counted("popular.corrupt")
        assert served(now) == ["a"]
        assert counted("popular.corrupt") == before + 1
        assert [record.action for record in caplog.records] == ["popular_corrupt"]
        count_popularity(now=now + MINUTE)
        assert served(now + MINUTE) == ["a"]
        assert counted("popular.corrupt") == before + 1

    def test_a_count_of_no_time_is_spoilt(self, now: datetime) -> None:
        look_at(make_person(), "a")
        count_popularity(now=now)
        PopularityCount.objects.update(since=None)
        before = counted("popular.corrupt")
        assert served(now) == ["a"]
        assert counted("popular.corrupt") == before + 1

    def test_both_find_the_same(self, now: datetime) -> None:
        for n in range(1, 6):
            look_at(make_person(), *"abcdef"[:n])
        here = popular_now._counted(now)
        count_popularity(now=now)
        there: Popular = popular_now._read(None, now)
        assert there.ranked != ()
        assert there.scores == pytest.approx(here.scores, rel=1e-5)
        assert there.rise == pytest.approx(here.rise, rel=1e-4)


class TestWorkers:
    def test_who_comes_shortly_after_another_one_counts_nothing(self, now: datetime) -> None:
        look_at(make_person(), "a")
        assert count_popularity(now=now) == 1
        with queries() as asked:
            assert count_popularity(now=now + JUST - timedelta(seconds=1)) == 0
        assert len(asked) == 1
        assert count_popularity(now=now + JUST) == 1

    def test_of_two_at_once_the_later_count_stands(
        self, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look_at(make_person(), "a")
        count_popularity(now=now)
        slow = Log.count

        def overtaken(log: Log, **said: Any) -> Popular:
            found = slow(log, **said)
            monkeypatch.setattr(Log, "count", slow)
            look_at(make_person(), "b")
            assert count_popularity(now=now + 2 * MINUTE) == 2
            return found

        monkeypatch.setattr(Log, "count", overtaken)
        assert count_popularity(now=now + MINUTE) == 0
        assert (published().counted_at, published().events) == (now + 2 * MINUTE, 2)

    def test_so_it_does_where_both_are_the_first(
        self, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slow = Log.count

        def overtaken(log: Log, **said: Any) -> Popular:
            monkeypatch.setattr(Log, "count", slow)
            assert count_popularity(now=now) == 1
            return slow(log, **said)

        look_at(make_person(), "a")
        monkeypatch.setattr(Log, "count", overtaken)
        assert count_popularity(now=now) == 0
        assert published().events == 1

    def test_a_clock_that_was_ahead_keeps_nobody_from_counting(self, now: datetime) -> None:
        look_at(make_person(), "a")
        count_popularity(now=now + timedelta(days=3))
        assert count_popularity(now=now) == 1
        assert published().counted_at == now

    def test_one_that_is_killed_has_published_nothing(self, now: datetime) -> None:
        """At whichever query it ends, the count before stands, whole."""
        look_at(make_person(), "a")
        count_popularity(now=now)
        look_at(make_person(), "b")
        for n in count():
            popular_worker.forget()
            try:
                with connection.execute_wrapper(KilledAt(n)):
                    count_popularity(now=now + MINUTE)
            except Killed:
                assert published().counted_at == now
                assert served(now + MINUTE) == ["a"]
            else:
                break
        assert n >= 5
        assert published().events == 2


class Killed(BaseException):
    pass


class KilledAt:
    """Ends the work at a query, the first being 0."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.left == 0:
            raise Killed
        self.left -= 1
        return execute(sql, params, many, context)


class TestEntrances:
    def test_the_task_the_command_and_the_worker_count(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        look_at(make_person(), "a")
        assert tasks.count_popularity_task() == 1
        PopularityCount.objects.all().delete()
        call_command("count_popularity")
        assert capsys.readouterr().out == "1 events counted.\n"
        PopularityCount.objects.all().delete()
        call_command("run_worker", "--once")
        assert published().events == 1

    def test_it_is_on_the_schedule(self) -> None:
        assert hints.COUNT_POPULARITY in current_app.tasks
        assert hints.BEAT_SCHEDULE[hints.COUNT_POPULARITY]["schedule"] == 60.0

    def test_nobody_is_in_the_row(self, now: datetime) -> None:
        person = make_person()
        look_at(person, "a")
        with queries() as asked:
            count_popularity(now=now)
        (written,) = [each for each in asked if each.startswith("INSERT")]
        assert person.visitor_id not in written
        fields = {field.name for field in PopularityCount._meta.get_fields()}
        assert fields == {"name", "counted_at", "since", "events", "content"}
