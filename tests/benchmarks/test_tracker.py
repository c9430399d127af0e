"""`benchmark tracker`: what it counts, and that all clicks arrive."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from project.benchmarks import tracker, tracker_peers
from project.benchmarks.results import Effort
from project.benchmarks.tracker import measure
from project.benchmarks.tracker_peers import PeerUnavailable, Tracker, peers
from project.benchmarks.tracker_site import CLICK, VIEW, Site, ours

PEERS = [
    Tracker(name="plausible", version="p", script="", tags="", post="/api/event"),
    Tracker(name="umami", version="u", script="", tags="", post="/api/send"),
]
#: What each sends for a view of page 3, and for a click there.
SENT: dict[str, tuple[Any, Any]] = {
    "ours": (
        {"batch": [{"type": "page", "properties": {"url": "http://shop/ours/3"}}]},
        {"batch": [{"type": "track", "event": "Buy", "properties": {"n": 3}}]},
    ),
    "plausible": (
        {"n": "pageview", "u": "http://shop/plausible/3"},
        {"n": "Buy", "u": "http://shop/plausible/3", "p": {"n": "3"}},
    ),
    "umami": (
        {"type": "event", "payload": {"url": "/umami/3"}},
        {"type": "event", "payload": {"url": "/umami/3", "name": "Buy", "data": {"n": "3"}}},
    ),
}


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site([ours(), *PEERS])
    yield site
    site.close()


def ask(site: Site, method: str, path: str, body: str = "") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", site.server_address[1])
    connection.request(method, path, body)
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, content


def post(site: Site, name: str, body: Any) -> int:
    return ask(site, "POST", site.trackers[name].post, json.dumps(body))[0]


@pytest.mark.parametrize("name", SENT)
def test_what_each_tracker_sends_is_counted(site: Site, name: str) -> None:
    view, click = SENT[name]
    for body in (view, click, click):
        assert post(site, name, body) == 200
    assert (site.of(name, VIEW), site.of(name, CLICK)) == ({3}, {3})
    assert site.repeated(name) == 1


@pytest.mark.parametrize("name", SENT)
def test_a_busy_server_refuses_each_event_once(site: Site, name: str) -> None:
    site.busy = True
    view, click = SENT[name]
    assert [post(site, name, body) for body in (view, click, click, view)] == [503, 503, 200, 200]
    assert site.repeated(name) == 0


def test_what_a_tracker_sends_beside_is_not_counted(site: Site) -> None:
    post(site, "ours", {"batch": [{"type": "track", "event": "Engaged", "properties": {}}]})
    post(site, "plausible", {"n": "engagement", "u": "http://shop/plausible/3"})
    assert not site.arrived


def test_every_page_has_the_tracker_that_it_is_called_after(site: Site) -> None:
    _, page = ask(site, "GET", "/ours/7")
    assert "/script/ours.js" in page
    assert '"n": 7' in page
    assert ask(site, "GET", "/script/ours.js") == (200, ours().script)
    assert ask(site, "GET", "/script/theirs.js")[0] == 404


def test_a_peer_that_cannot_be_fetched_is_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert [str(peer) for peer in peers(tmp_path)] == ["npm is not installed."] * 2
    assert list(tracker._reachable(tmp_path)) == []
    assert capsys.readouterr().err == "Left out: npm is not installed.\n" * 2


def test_what_npm_says_is_told(tmp_path: Path) -> None:
    with pytest.raises(PeerUnavailable, match="tell: no such package"):
        tracker_peers._run(["sh", "-c", "echo no such package >&2; exit 1", "tell"], tmp_path)


def test_a_call_that_the_end_of_the_trace_cuts_has_no_time() -> None:
    def event(phase: str, script: str, **times: int) -> dict[str, Any]:
        told = {"name": "FunctionCall", "ph": phase, "ts": 604_089_043, **times}
        return {**told, "args": {"data": {"functionName": "f", "url": f"http://shop{script}"}}}

    trace = [
        {"name": "FunctionCall", "ph": "X", "args": {}, "dur": 9, "tdur": 9},
        event("X", "/script/ours.js", dur=8_000, tdur=700),
        event("X", "/theirs.js", dur=8_000, tdur=8_000),
        event("X", "/script/more.js", dur=900, tdur=800),
        event("B", "/script/ours.js"),
    ]
    assert list(tracker._times_of_scripts(trace)) == [700, 800]


@pytest.mark.slow
@pytest.mark.browser
def test_every_click_of_tabs_that_are_closed_at_once_arrives() -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    results = {result.name: result for result in measure(Effort(rounds=2, peer=False))}
    assert list(results) == [
        "clicks_of_closed_tabs",
        "repeated",
        "event_loss",
        "event_loss_busy",
        "longest_task",
        "gzip_size",
        "gzip_size_more",
    ]
    assert results["clicks_of_closed_tabs"].value == 8
    assert results["clicks_of_closed_tabs"].unit == "of 8"
    assert [results[name].value for name in ("repeated", "event_loss", "event_loss_busy")] == [
        0
    ] * 3
    assert results["gzip_size"].value <= 3072
