"""A hint follows every commit; many commits at once share one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery._state import get_current_app
from django.db import transaction

from personalization import hints, metrics

ENOUGH = 0.1


class Broker:
    """What was sent, and when."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, float]] = []

    def publish(self, task: str) -> None:
        self.sent.append((task, time.monotonic()))

    @property
    def tasks(self) -> list[str]:
        return [task for task, _ in self.sent]


class Clock:
    """Time that passes when a test lets it, and timers that go by it."""

    def __init__(self) -> None:
        self.now = 1.0
        self._timers: list[tuple[float, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    def timer(self, wait: float, act: Callable[..., None], arguments: list[Any]) -> Any:
        due = self.now + wait
        return SimpleNamespace(start=lambda: self._timers.append((due, lambda: act(*arguments))))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for one in [one for one in self._timers if one[0] <= self.now]:
            self._timers.remove(one)
            one[1]()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(hints, "time", clock)
    monkeypatch.setattr(hints, "threading", SimpleNamespace(Timer=clock.timer))
    return clock


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(hints, "_publish", broker.publish)
    monkeypatch.setattr(hints, "_sent", hints._Sent())
    monkeypatch.setattr(hints, "ENOUGH", ENOUGH)
    return broker


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


def test_a_single_hint_is_sent_at_once(broker: Broker) -> None:
    hints._send("a")
    assert broker.tasks == ["a"]
    time.sleep(2 * ENOUGH)
    assert broker.tasks == ["a"]


def test_what_comes_soon_after_shares_one_more_hint(broker: Broker, clock: Clock) -> None:
    for _ in range(100):
        hints._send("a")
    clock.wait(0.9 * ENOUGH)
    assert broker.tasks == ["a"]
    clock.wait(0.2 * ENOUGH)
    assert broker.tasks == ["a", "a"]
    clock.wait(2 * ENOUGH)
    assert broker.tasks == ["a", "a"]


def test_tasks_do_not_wait_for_one_another(broker: Broker) -> None:
    hints._send("a")
    hints._send("b")
    assert broker.tasks == ["a", "b"]


def test_after_a_pause_a_hint_is_sent_at_once_again(broker: Broker) -> None:
    hints._send("a")
    time.sleep(1.5 * ENOUGH)
    hints._send("a")
    assert broker.tasks == ["a", "a"]


def test_every_call_is_followed_by_a_hint(broker: Broker) -> None:
    """Whatever the threads do: a hint is sent after the last call of each, or with it."""
    called: list[float] = []

    def call_often() -> None:
        for i in range(20):
            called.append(time.monotonic())
            hints._send("a")
            time.sleep(0.001 * (i % 7))

    threads = [threading.Thread(target=call_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: broker.sent[-1][1] >= max(called))
    assert len(broker.sent) < len(called) / 2


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_before_the_commit_nor_without_one(broker: Broker) -> None:
    with transaction.atomic():
        hints.hint("a")
        assert broker.tasks == []
    assert broker.tasks == ["a"]
    with transaction.atomic():
        hints.hint("b")
        transaction.set_rollback(True)
    hints.hint("c")
    assert broker.tasks == ["a", "c"]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_fork_starts_anew(broker: Broker) -> None:
    hints._send("a")
    hints._send("a")  # by a timer of this process, which the child has not
    hints._sent._lock.acquire()
    child = os.fork()
    if child == 0:
        broker.sent.clear()
        hints._send("a")
        os._exit(0 if broker.tasks == ["a"] else 1)
    hints._sent._lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    wait_for(lambda: len(broker.sent) == 2)


@pytest.fixture
def celery(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Celery]]:
    """Return a function that makes the current Celery application, for a broker."""
    apps: list[Celery] = []
    before = get_current_app()
    monkeypatch.setattr(hints, "_quiet_until", 0.0)

    def make(broker_url: str) -> Celery:
        app = Celery("hints", broker=broker_url, set_as_current=True)
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.close()
    before.set_current()


def test_a_hint_is_a_message_that_expires(celery: Callable[[str], Celery]) -> None:
    app = celery("memory://hints")
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("celery")
        queue.clear()  # all brokers in memory are one, and tests before this one left hints
        hints._publish("a task of ours")
        message = queue.get(timeout=60)
        while message.headers["task"] != "a task of ours":
            message = queue.get(timeout=60)
    assert message.headers["expires"]
    assert message.headers["ignore_result"]


def test_a_broker_that_is_down_is_left_alone_for_a_while(
    celery: Callable[[str], Celery], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = celery("amqp://127.0.0.1:1//")
    tried: list[str] = []
    send_task = app.send_task
    monkeypatch.setattr(
        app, "send_task", lambda task, **how: [tried.append(task), send_task(task, **how)]
    )
    before = metrics.snapshot().get("hints.lost", 0)
    for _ in range(3):
        hints._publish("a")
    assert tried == ["a"]
    assert metrics.snapshot()["hints.lost"] == before + 3
    monkeypatch.setattr(hints, "_quiet_until", 0.0)
    hints._publish("b")
    assert tried == ["a", "b"]
