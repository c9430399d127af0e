"""The releases that the tests fetch are those that the documentation names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.acceptance.clients.installed import HERE

PAGE = HERE.parents[2] / "docs" / "reference" / "http-api.md"
PYTHON = {
    "segment": "segment-analytics-python",
    "rudder": "rudder-sdk-python",
    "posthog": "posthog",
    "cloudevents": "cloudevents",
}


def releases() -> Iterator[tuple[str, str]]:
    for file, name in PYTHON.items():
        pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", (HERE / f"{file}.txt").read_text(), re.M))
        yield name, pins[name]
    yield from json.loads((HERE / "package.json").read_text())["dependencies"].items()


@pytest.mark.parametrize(("client", "release"), list(releases()))
def test_the_documentation_names_the_release_that_is_tested(client: str, release: str) -> None:
    rows = [row.split("|") for row in PAGE.read_text().splitlines() if row.startswith("|")]
    assert release in [row[2].strip() for row in rows if row[1].split()[0] == client]
