"""Whoever was everywhere is nowhere after an erasure, and the receipt says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalization.events.models import Source
from personalization.privacy.erasure.finish import erase
from personalization.privacy.models import Erasure
from tests.privacy.erasure.conftest import IDS, NOW, USER, places, whole

pytestmark = pytest.mark.django_db


def test_somebody_who_was_everywhere_is_found_everywhere(life: Source, archive: Path) -> None:
    found = places(*IDS, folder=archive)
    assert len(found) > 10


def test_the_erased_are_in_no_table_no_cache_and_no_file(life: Source, archive: Path) -> None:
    erasure = erase(whole(USER), channel="operator", now=NOW)
    assert erasure.found == {}
    assert erasure.status == Erasure.Status.DONE, erasure.error
    assert places(*IDS, folder=archive) == set()
