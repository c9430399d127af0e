from __future__ import annotations

import atexit
import gc
import io
import math
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from django.core.cache import cache
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from pytest_django.live_server_helper import LiveServer

from personalization.delivery import exposure_queue, list_rules, published
from personalization.events import schemas
from personalization.ingest import authentication, just_here, origins, pressure, throttle, tracked
from personalization.ml import feedback
from personalization.ml.serving import loaded, popular_now, popular_worker, shelf
from personalization.privacy import texts
from personalization.segments import live
from tests import machine
from tests.hostile.tally import told
from tests.in_flight import requests_in_flight

#: What a visitor's browser calls itself.
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

pytest_plugins = ["tests.factories", "tests.flushing"]

# A busy machine is not a failing test: no deadline per example, and values may be slow to draw.
# Examples are the same each time, those of the profiles that run many are new (tests/effort.py).
_patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
hypothesis.register_profile("brief", **_patient, derandomize=True, max_examples=20)
hypothesis.register_profile("default", **_patient, derandomize=True)
hypothesis.register_profile("thorough", **_patient, max_examples=1000)
hypothesis.register_profile("nightly", **_patient, max_examples=2000)
hypothesis.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Without an app of its own, Celery would look for a broker on this machine.
app = Celery("tests")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.set_default()


#: Thresholds of the garbage collector's generations.
_RARELY = (10_000, 20, 20)


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


@atexit.register
def _hush_servers() -> None:
    """Let no thread of a test server speak any more while the interpreter ends.

    Connections that are closed by the end itself wake such threads; one that holds
    the lock of stderr then would have the interpreter abort after a green run.
    """
    threading.excepthook = lambda args: None
    sys.stderr = _Nowhere()


def pytest_collection() -> None:
    gc.disable()  # nothing of what is collected goes


def pytest_collection_finish() -> None:
    """Let the garbage collector look at what tests make, and not again and again at the tests
    themselves, of which there are tens of thousands."""
    gc.freeze()
    gc.set_threshold(*_RARELY)
    gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, why in machine.MISSING.items():
        if item.get_closest_marker(marker) and (reason := why()):
            pytest.skip(reason)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Let this process alone run what is asked for by name: that is faster than workers start."""
    named = config.args_source is config.ArgsSource.ARGS
    chosen = any(config.getoption(name, None) for name in ("keyword", "lf", "stepwise", "trace"))
    watched = config.getoption("capture") == "no"
    return 0 if named or chosen or watched else None  # as many as there are cores


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told["missing"] = machine.found_missing()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for reason in getattr(node, "workeroutput", {}).get("missing", []):
        machine.lacks(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_sep("-", "services")
    terminalreporter.write_line(f"Database: {machine.database()}")
    ended = (one for kind in terminalreporter.stats.values() for one in kind)
    if figures := told(one for one in ended if getattr(one, "when", "") == "teardown"):
        terminalreporter.write_line(figures)
    for reason in machine.missing():
        terminalreporter.write_line(f"Not tested here - {reason}")


@pytest.fixture(autouse=True)
def _forget_configuration() -> None:
    """A rolled back test gives its revision numbers to the next one."""
    live.forget()
    published.forget()
    authentication.forget()
    origins.forget()
    throttle.forget()
    texts.forget()
    schemas.forget()
    just_here.take()
    for served in (loaded, popular_now, popular_worker, shelf, list_rules):
        served.forget()
    feedback.forget()
    cache.clear()  # where requests are counted
    # Else it would be up to the clock whether a request has a query more.
    pressure.gauge = pressure.Gauge(fresh=math.inf, counted_at=0.0)


@pytest.fixture(autouse=True)
def _no_exposures_of_others() -> Iterator[None]:
    """Nothing that was shown in one test is written in another, or at the end of them all."""
    tracked.forget_tracked_source()
    yield
    exposure_queue.forget()


@pytest.fixture
def endless_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test is to fail because a minute began in the middle of it."""
    monkeypatch.setattr(throttle, "MINUTE", 1e12)


@pytest.fixture
def client() -> Client:
    """The browser of a visitor. One that does not say what it is would pass for a bot."""
    return Client(headers={"user-agent": BROWSER})


@pytest.fixture
def redis_url() -> str:
    """The address of a Redis database that a test marked `redis` may fill and flush."""
    return machine.REDIS_URL


@pytest.fixture
def live_server(live_server: LiveServer, transactional_db: None) -> Iterator[LiveServer]:
    """A server that has answered everything before the next test finds an empty database.

    A page that is closed may still send a last beacon; SQLite then empties no table.
    """
    with requests_in_flight() as in_flight:
        yield live_server
        in_flight.wait_for_none()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser, for a test marked `browser`."""
    return machine.chromium()
