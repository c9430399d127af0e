"""What of ours names somebody in a cache is found and goes; what is the site's stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.management import call_command

from personalization.exceptions import CacheUnavailable
from personalization.privacy.caches import found, remove, unsearchable
from personalization.privacy.erasure.finish import erase
from personalization.privacy.erasure.receipt import verified
from personalization.privacy.models import Erasure
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.needles import Needles
from tests.privacy.erasure.conftest import NOW, whole

ANN = Key(Identity.USER, "ann-4711@shop.example")
NEEDLES = Needles.of([ANN])
NAMED = f"personalization:rate:password:{ANN.value}:1"

LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
DATABASE = "django.core.cache.backends.db.DatabaseCache"
FILES = "django.core.cache.backends.filebased.FileBasedCache"
REDIS = "django.core.cache.backends.redis.RedisCache"


class OwnCache(LocMemCache):
    """As a site may have it."""


def use(settings: Any, backend: str, **config: Any) -> Any:
    settings.CACHES = {"default": {"BACKEND": backend, **config}}
    return caches["default"]


def look_through(cache: Any) -> None:
    """Hold one kind of cache to what all are held to."""
    cache.set(NAMED, 1)
    cache.set("personalization:page", {"whom": ANN.value})
    cache.set("personalization:other", "nobody")
    cache.set(f"basket:{ANN.value}", "of the site")
    assert list(found(NEEDLES)) == ["cache default"] * 2
    assert remove(NEEDLES) == 2
    assert list(found(NEEDLES)) == []
    assert cache.get(NAMED) is cache.get("personalization:page") is None
    assert cache.get("personalization:other") == "nobody"
    assert cache.get(f"basket:{ANN.value}") == "of the site"
    assert unsearchable() == []


def test_in_the_memory_of_the_process(settings: Any) -> None:
    look_through(use(settings, LOCMEM, LOCATION="looked-through"))


@pytest.mark.django_db
def test_in_the_database(settings: Any) -> None:
    cache = use(settings, DATABASE, LOCATION="looked_through")
    call_command("createcachetable", verbosity=0)
    look_through(cache)


@pytest.mark.redis
def test_in_redis(settings: Any, redis_url: str) -> None:
    cache = use(settings, REDIS, LOCATION=redis_url)
    try:
        look_through(cache)
    finally:
        cache.clear()


def test_redis_that_is_away_is_no_cache_in_which_nothing_is(settings: Any) -> None:
    pytest.importorskip("redis", reason="Redis: its Python client is not installed")
    use(settings, REDIS, LOCATION="redis://127.0.0.1:1/0")
    with pytest.raises(CacheUnavailable, match="ConnectionError"):
        list(found(NEEDLES))


def test_a_site_may_have_a_cache_class_of_its_own(settings: Any) -> None:
    look_through(use(settings, f"{__name__}.OwnCache", LOCATION="own"))


def test_files_have_digests_for_names_so_they_are_said_not_to_be_searched(
    settings: Any, tmp_path: Path
) -> None:
    use(settings, FILES, LOCATION=str(tmp_path))
    assert unsearchable() == ["cache default: FileBasedCache"]
    assert list(found(NEEDLES)) == []


@pytest.mark.django_db
def test_the_receipt_says_which_caches_were_not_searched(settings: Any, tmp_path: Path) -> None:
    use(settings, FILES, LOCATION=str(tmp_path))
    erasure = erase(whole(ANN), channel="operator", now=NOW)
    assert said(erasure)["notSearched"] == ["cache default: FileBasedCache"]


@pytest.mark.django_db
def test_an_erasure_empties_the_caches_of_somebody_and_says_so() -> None:
    caches["default"].set(NAMED, 1)
    erasure = erase(whole(ANN), channel="operator", now=NOW)
    assert erasure.erased["caches"] == 1
    assert said(erasure)["notSearched"] == []


@pytest.mark.django_db
def test_while_a_cache_is_away_no_erasure_is_done(settings: Any) -> None:
    pytest.importorskip("redis", reason="Redis: its Python client is not installed")
    use(settings, REDIS, LOCATION="redis://127.0.0.1:1/0")
    erasure = erase(whole(ANN), channel="operator", now=NOW)
    assert erasure.status == Erasure.Status.FAILED
    assert not erasure.receipt


def said(erasure: Erasure) -> Any:
    whole_text = {"receipt": json.loads(erasure.receipt), "proof": erasure.signature}
    return verified(json.dumps(whole_text))
