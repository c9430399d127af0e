"""What was true on one machine only has no place in the repository."""

from __future__ import annotations

import re
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.housekeeping.repository import ROOT, tracked_files

# Written in pieces, so that this file does not hold what it looks for.
FORBIDDEN = {
    # The JSON pointers of a rule begin with its root, too.
    "a path of one machine": r"(?<![\w.~])/"
    + r"(?:root(?!/(?:combinator|not|rules))|home/\w+|Users/\w+|work)/",
    "a lock with addresses": r'"resol' + r'ved": *"http|registry' + r' *= *"http',
    "an address of a package registry": r"index" + r"-url|find" + r"-links",
}
PUBLIC_REGISTRY = "pypi.org"


def configured_registry() -> str:
    """Return the host that pip asks on this machine, when it is not the public one."""
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index" + "-url"],
        capture_output=True,
        text=True,
        check=False,
    )
    host = urlsplit(answer.stdout.strip()).hostname or ""
    return "" if host == PUBLIC_REGISTRY else host


def test_no_file_tells_of_the_machine_it_was_written_on() -> None:
    files = tracked_files()
    if not files:
        pytest.skip("this is not a git checkout")
    registry = configured_registry()
    patterns = FORBIDDEN | ({"this machine's registry": re.escape(registry)} if registry else {})
    found = [
        f"{path.relative_to(ROOT)}:{number} holds {what}: {line.strip()[:100]}"
        for path in files
        for number, line in enumerate(lines(path.read_bytes()), start=1)
        for what, pattern in patterns.items()
        if re.search(pattern, line)
    ]
    assert found == []


def lines(content: bytes) -> list[str]:
    """Return the lines of a text, and none of a picture."""
    try:
        return content.decode().splitlines()
    except UnicodeDecodeError:
        return []


@pytest.mark.parametrize(
    "line",
    ["/" + "root/.cache", "see /" + "home/ada/app", '"resol' + 'ved": "http://x'],
)
def test_the_patterns_find_what_they_are_for(line: str) -> None:
    assert any(re.search(pattern, line) for pattern in FORBIDDEN.values())
