"""A demo of its own: a copy of the tree, a free port, its own database and worker."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("manage.py", "personalization", "project", "scripts", "static", "templates")
READY = "Ctrl-C stops everything"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # To a site the browser looks like a visitor's: what a program sends is set aside.
    "--disable-blink-features=AutomationControlled",
    "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36",
]  # fmt: skip


@dataclass
class Demo:
    """A running demo: where it is, and everything it has printed."""

    url: str
    process: subprocess.Popen[str]
    printed: list[str]

    def stop(self) -> int:
        """Press Ctrl-C and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    tree = tmp_path / "clone"
    tree.mkdir()
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree)
    yield from running_demo(tree)


def running_demo(tree: Path) -> Iterator[Demo]:
    port = free_port()
    env = {name: os.environ[name] for name in ("PATH", "VIRTUAL_ENV") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--visitors", "24", "--crowd", "0"],
        cwd=tree,
        env={
            **env,
            "HOME": str(tree),
            "DEMO_PORT": str(port),
            "PYTHONUNBUFFERED": "1",
            # A test must not be the one visitor in eight who is shown the default.
            "HOLDOUT": "0",
            "GLOBAL_HOLDOUT": "0",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    printed: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            printed.append(line)
            if READY in line:
                ready.set()
        ready.set()

    threading.Thread(target=listen, daemon=True).start()
    try:
        ready.wait(timeout=180)
        assert process.poll() is None, "".join(printed)
        assert any(READY in line for line in printed), "".join(printed)
        yield Demo(f"http://127.0.0.1:{port}", process, printed)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()
