"""The committed tracker: small, harmless, and really built from its sources."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tracker.stub_site import STATIC

BUILT = STATIC / "tracker.js"
SOURCES = Path(__file__).parents[2] / "tracker"
LIMIT = 3_072
NODE_NEEDED = 20


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node is not installed")
    version = subprocess.check_output([program, "--version"], text=True)
    if int(version.lstrip("v").partition(".")[0]) < NODE_NEEDED:
        pytest.skip(f"Node {NODE_NEEDED} or later is needed, not {version.strip()}")
    return subprocess.run(
        [program, *arguments], cwd=SOURCES, check=False, capture_output=True, text=True
    )


def test_the_tracker_stays_within_its_budget() -> None:
    assert len(gzip.compress(BUILT.read_bytes(), 9)) < LIMIT


def test_the_tracker_says_its_version() -> None:
    version = json.loads((SOURCES / "package.json").read_text())["version"]
    assert BUILT.read_text().startswith(f"/*! personalization tracker {version} ")


@pytest.mark.parametrize("name", ["tracker.js", "consent.js"])
def test_scripts_need_no_exception_from_a_strict_content_policy(name: str) -> None:
    text = (STATIC / name).read_text()
    assert not re.search(r"\beval\b|new Function|innerHTML|document\.write|\.style\b", text)
    assert "http:" not in text
    assert "https:" not in text


def test_the_tracker_sets_no_cookie() -> None:
    assert not re.search(r"\.cookie\s*=[^=]", BUILT.read_text())


def test_the_built_file_is_what_the_sources_give() -> None:
    result = node("build.mjs", "--check")
    if "Cannot find module 'esbuild'" in result.stderr:
        pytest.skip("esbuild is not installed (npm install in tracker/, or NODE_PATH)")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_units_of_the_tracker() -> None:
    result = node("--test")
    assert result.returncode == 0, result.stdout + result.stderr
