"""What somebody sees who waits for an import."""

from __future__ import annotations

import io

import pytest
from django.core.management.base import OutputWrapper

from personalization.ingest.imports.progress import Progress, duration


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_terminal_sees_a_bar(clock: Clock) -> None:
    out = Terminal()
    progress = Progress(OutputWrapper(out), size=1000, clock=clock)
    clock.now += 10
    progress.show(500, events=2000)
    assert out.getvalue() == (
        "\r" + "█" * 15 + "░" * 15 + " 50 %, 2,000 events, 200 a second, 10 s left\x1b[K"
    )


def test_a_terminal_is_not_flooded(clock: Clock) -> None:
    out = Terminal()
    progress = Progress(OutputWrapper(out), size=1000, clock=clock)
    for done in range(1000):
        clock.now += 0.01
        progress.show(done, events=done)
    assert 50 < out.getvalue().count("\r") <= 100


def test_elsewhere_there_is_a_line_now_and_then(clock: Clock) -> None:
    out = io.StringIO()
    progress = Progress(OutputWrapper(out), size=1000, clock=clock)
    for done in range(0, 1001, 10):
        clock.now += 1
        progress.show(done, events=done * 3)
    lines = out.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "10 %, 300 events, 27 a second, 1 min 39 s left"
    assert lines[-1].startswith("100 %, 3,000 events")


def test_of_a_pipe_nobody_knows_the_end(clock: Clock) -> None:
    lively, plain = Terminal(), io.StringIO()
    for out in (lively, plain):
        progress = Progress(OutputWrapper(out), size=0, clock=clock)
        for events in (50_000, 150_000, 199_999, 200_000):
            clock.now += 10
            progress.show(0, events=events)
    assert lively.getvalue().startswith("\r50,000 events, 5,000 a second\x1b[K")
    assert plain.getvalue().splitlines() == [
        "150,000 events, 7,500 a second",
        "200,000 events, 5,000 a second",
    ]


def test_what_an_earlier_run_did_makes_this_one_no_faster(clock: Clock) -> None:
    out = Terminal()
    progress = Progress(OutputWrapper(out), size=1000, clock=clock)
    clock.now += 60
    progress.start(800)
    clock.now += 10
    progress.show(900, events=50)
    assert "90 %, 50 events, 5 a second, 10 s left" in out.getvalue()


def test_before_anything_was_read_no_time_is_promised(clock: Clock) -> None:
    out = Terminal()
    progress = Progress(OutputWrapper(out), size=1000, clock=clock)
    progress.start(800)
    clock.now += 10
    progress.show(800, events=0)
    assert "left" not in out.getvalue()


def test_at_its_end_the_bar_is_gone_and_the_rate_remains(clock: Clock) -> None:
    lively, plain = Terminal(), io.StringIO()
    for out, left in ((lively, "\r\x1b[K"), (plain, "")):
        progress = Progress(OutputWrapper(out), size=1000, clock=clock)
        clock.now += 20
        assert progress.finish(events=30_000) == "20 s, 1,500 events a second"
        assert out.getvalue() == left


def test_no_time_at_all_is_no_error(clock: Clock) -> None:
    assert (
        Progress(OutputWrapper(io.StringIO()), size=0, clock=clock)
        .finish(events=0)
        .startswith("0 s")
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7322, "2 h 2 min")],
)
def test_a_length_of_time_is_said_in_words(seconds: float, said: str) -> None:
    assert duration(seconds) == said
