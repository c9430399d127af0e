"""Processes end with their starter, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from project.environment import BASE_DIR
from project.shop.children import ChildDied, Children

# A child with a child of its own: that one is what gets forgotten.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, {on_term})
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
print("ready", flush=True)
time.sleep(120)
"""
POLITE = STUBBORN.format(on_term="signal.SIG_DFL")
DEAF = STUBBORN.format(on_term="signal.SIG_IGN")


def wait_for(what: Callable[[], bool]) -> None:
    """Wait for something that takes a moment; the bound only ends a broken run."""
    for _ in range(1200):
        if what():
            return
        time.sleep(0.05)
    pytest.fail("It did not happen within a minute.")


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a module that a child can run, and return its name."""
    monkeypatch.setenv("PYTHONPATH", f"{BASE_DIR}{os.pathsep}{tmp_path}")

    def write(text: str) -> str:
        (tmp_path / "acted.py").write_text(text)
        return "acted"

    return write


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    handlers = {number: signal.getsignal(number) for number in (1, 2, 15)}
    children = Children(tmp_path, {})
    yield children
    children.stop()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def start(children: Children, module: str) -> int:
    children.start("actor", module=module, arguments=[])
    child = children.running[0]
    wait_for(lambda: "ready" in child.log.read_text())
    return child.process.pid


def test_a_polite_child_ends_with_its_own_children(
    children: Children, module: Callable[[str], str]
) -> None:
    group = start(children, module(POLITE))
    children.check()
    children.stop()
    assert group_is_gone(group)


def test_a_deaf_child_is_ended_all_the_same(
    children: Children, module: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("project.shop.children.GRACE", 0.2)
    group = start(children, module(DEAF))
    children.stop()
    assert group_is_gone(group)


def test_a_child_that_dies_is_named_with_its_last_words(
    children: Children, module: Callable[[str], str]
) -> None:
    children.start("actor", module=module("raise SystemExit('the roof fell in')"), arguments=[])
    children.running[0].process.wait()
    with pytest.raises(ChildDied, match=r"The actor has stopped \(code 1\)\.\n  the roof fell in"):
        children.check()


def test_a_childs_arguments_and_environment_reach_it(
    tmp_path: Path, module: Callable[[str], str]
) -> None:
    children = Children(tmp_path, {"MOOD": "sunny"})
    told = "import os, sys; print(sys.argv[1:], os.environ['MOOD'])"
    children.start("two words", module=module(told), arguments=["--loud", "x"])
    children.running[0].process.wait()
    assert (tmp_path / "two-words.log").read_text() == "['--loud', 'x'] sunny\n"
    children.running[0].lifeline.close()


STARTER = """
import sys, time
from pathlib import Path
from project.shop.children import Children
children = Children(Path(sys.argv[1]), {})
children.start("actor", module="acted", arguments=[])
print(children.running[0].process.pid, flush=True)
time.sleep(120)
"""


def test_children_end_when_their_starter_is_killed(
    tmp_path: Path, module: Callable[[str], str]
) -> None:
    module(POLITE)
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, cwd=BASE_DIR
    ) as starter:
        assert starter.stdout
        group = int(starter.stdout.readline())
        wait_for(lambda: "ready" in (tmp_path / "actor.log").read_text())
        starter.kill()
    wait_for(lambda: group_is_gone(group))
