from __future__ import annotations

import re
import tomllib

import pytest

from tests.housekeeping.repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
WANTED = sorted({*PROJECT["dependencies"], *(each for extra in EXTRAS.values() for each in extra)})
PINS = (ROOT / "constraints.txt").read_text().splitlines()


def name(requirement: str) -> str:
    """Return the name as indexes normalise it (PEP 503)."""
    match = re.match(r"[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


@pytest.mark.parametrize("requirement", WANTED)
def test_every_requirement_is_pinned(requirement: str) -> None:
    assert name(requirement) in {name(pin) for pin in PINS}


def test_pins_are_versions_and_markers_and_nothing_else() -> None:
    # No extras (pip refuses them in constraints), no hashes, no addresses.
    assert [pin for pin in PINS if not re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [^#@/]+)?", pin)] == []
