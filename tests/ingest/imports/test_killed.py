"""Law 4 for imports: the command is killed in the middle, again and again, and run once more."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Process, Site
from tests.ingest.imports.files import viewed

N = 6_000


class ImportingSite(Site):
    """A site with one source, and a file that somebody imports into it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        source = {"name": "Shop", "slug": "shop", "kind": "server"}
        source |= {"created_at": "2026-01-01T00:00:00Z"}
        fixture = folder / "source.json"
        fixture.write_text(json.dumps([{"model": "personalization.source", "fields": source}]))
        self.load(fixture)
        self.file = folder / "events.jsonl"
        self.arguments = ("import_events", str(self.file), "--source", "shop", "--format", "jsonl")

    def start_import(self) -> Process:
        return self._start("import", "django", *self.arguments)

    def position(self) -> int:
        found = self.rows("SELECT position FROM personalization_importrun")
        return int(found[0]) if found else 0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ImportingSite]:
    site = ImportingSite(tmp_path)
    yield site
    site.close()


@pytest.mark.slow
def test_an_import_that_is_killed_loses_nothing_and_doubles_nothing(site: ImportingSite) -> None:
    dice = random.Random(7)
    # A tenth of the lines stands there twice, far from each other: each happened.
    numbers = [*range(N - N // 10), *range(N // 10)]
    site.file.write_text("".join(f"{json.dumps(viewed(number))}\n" for number in numbers))
    in_the_middle = 0
    for _ in range(3):
        before = site.position()
        importing = site.start_import()
        site.wait(lambda n=before: site.position() > n, "the import to be at work")
        time.sleep(dice.uniform(0, 0.05))
        site.kill(importing)
        in_the_middle += before < site.position() < site.file.stat().st_size
    assert in_the_middle >= 2, "an import that was over proves little"

    said = site.manage(*site.arguments, "--process")
    if "was imported at" in said:  # the last kill came too late
        site.manage("process_events")
    assert site.rows("SELECT accepted FROM personalization_importrun") == [N], "no line twice"
    stored = site.rows("SELECT properties FROM personalization_event")
    assert sorted(json.loads(text)["number"] for text in stored) == sorted(numbers)
