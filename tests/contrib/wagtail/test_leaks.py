"""Nobody is served a page of Wagtail that was made for somebody else, under any cache."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.test import override_settings

from personalization.delivery import caching, fragment_caches, middleware
from tests.contrib.wagtail.fuzz import STACKS, WAGTAIL_CACHE, Site
from tests.delivery.fuzz import Leak
from tests.delivery.people import make_segments

pytestmark = pytest.mark.django_db

MODES = ("inline", "keyed")
VISITS = 120
KEYED_STACKS = [stack for stack in ("Django's cache", "wagtail-cache") if stack in STACKS]


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("a", "b")


def roam(stack: str, mode: str, *, seed: int, proxied: bool = True, n: int = VISITS) -> None:
    site = Site(stack, proxied=proxied)
    with override_settings(PERSONALIZATION_DELIVERY=mode), site.running():
        site.roam(random.Random(seed), n=n)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "behind a CDN"])
def test_nobody_gets_what_was_made_for_somebody_else(stack: str, mode: str, proxied: bool) -> None:
    roam(stack, mode, seed=1, proxied=proxied)


@pytest.mark.slow
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(100, 103))
def test_nobody_does_after_many_more_visits(stack: str, mode: str, seed: int) -> None:
    roam(stack, mode, seed=seed, proxied=bool(seed % 2), n=1500)


@pytest.fixture
def redis(redis_url: str) -> Iterator[None]:
    backend = "django.core.cache.backends.redis.RedisCache"
    pages = {"BACKEND": backend, "LOCATION": redis_url, "KEY_PREFIX": "wagtail-leaks"}
    with override_settings(CACHES={"default": pages}):
        caches["default"].clear()
        yield
        caches["default"].clear()


@pytest.mark.redis
@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("stack", KEYED_STACKS)
def test_nobody_does_with_pages_in_redis(stack: str) -> None:
    roam(stack, "keyed", seed=7, proxied=False)


# -- caches still work -----------------------------------------------------------------


def visited(stack: str, mode: str) -> Site:
    """Return the site after everybody saw every page three times."""
    site = Site(stack, proxied=False)
    with override_settings(PERSONALIZATION_DELIVERY=mode), site.running():
        for kind in site.urls:
            for actor in site.actors * 3:
                site.visit(actor, kind)
    return site


@pytest.mark.parametrize("stack", KEYED_STACKS)
@pytest.mark.parametrize("mode", MODES)
def test_pages_without_blocks_are_rendered_once_for_everybody(stack: str, mode: str) -> None:
    serials = visited(stack, mode).serials["words"]
    assert len(set().union(*serials.values())) == 1


@pytest.mark.parametrize("stack", KEYED_STACKS)
def test_keyed_pages_are_rendered_once_for_each_answer(stack: str) -> None:
    """In a, in b, in neither; and whoever sees defaults anyway, as all visitors unknown do."""
    serials = visited(stack, "keyed").serials["blocks"]
    assert len(set().union(*serials.values())) == 2 * 4


# -- the fuzzer finds what it is for ---------------------------------------------------


def unguarded_fragments(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fragment_caches, "_render", fragment_caches._django_renders)


def key_of_everybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(middleware, "page_key", lambda visitor: "the same")


def not_varied(patch: pytest.MonkeyPatch) -> None:
    def ignore(response: Any) -> None:
        return

    patch.setattr(middleware, "vary_by_key", ignore)
    patch.setattr(caching, "vary_by_key", ignore)


BROKEN: list[tuple[Callable[[pytest.MonkeyPatch], None], str]] = [
    (unguarded_fragments, "no cache"),
    (key_of_everybody, "Django's cache"),
    *(
        [(key_of_everybody, "wagtail-cache"), (not_varied, "wagtail-cache")]
        if WAGTAIL_CACHE
        else []
    ),
]


@pytest.mark.parametrize(("breaking", "stack"), BROKEN)
def test_a_broken_guard_is_found_out(
    monkeypatch: pytest.MonkeyPatch, breaking: Callable[[pytest.MonkeyPatch], None], stack: str
) -> None:
    breaking(monkeypatch)
    with pytest.raises(Leak):
        roam(stack, "keyed", seed=1, n=3000)
