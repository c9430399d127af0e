"""Nobody is served a page of django CMS that was made for somebody else, under its caches."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cms import page_rendering, plugin_rendering
from django.conf import settings as django_settings
from django.core.cache import caches
from django.test import override_settings

from personalization.contrib.cms import caching, cms_plugins
from tests.contrib.cms.fuzz import KINDS, Site
from tests.delivery.fuzz import FETCH, KEY, UPDATE, Leak
from tests.delivery.people import make_segments

pytestmark = pytest.mark.django_db

MODES = ("inline", "keyed")
VISITS = 150


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("a", "b")


def roam(mode: str, *, seed: int, proxied: bool = True, n: int = VISITS) -> None:
    with override_settings(PERSONALIZATION_DELIVERY=mode):
        Site(proxied=proxied).roam(random.Random(seed), n=n)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "behind a CDN"])
def test_nobody_gets_what_was_made_for_somebody_else(mode: str, proxied: bool) -> None:
    roam(mode, seed=1, proxied=proxied)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(100, 105))
def test_nobody_does_after_many_more_visits(mode: str, seed: int) -> None:
    roam(mode, seed=seed, proxied=bool(seed % 2), n=2000)


@pytest.mark.parametrize("mode", MODES)
def test_nobody_does_with_the_cache_of_django_around_that_of_django_cms(mode: str) -> None:
    first, *others = django_settings.MIDDLEWARE
    with override_settings(MIDDLEWARE=[first, UPDATE, KEY, *others, FETCH]):
        roam(mode, seed=3)


@pytest.fixture
def redis(redis_url: str) -> Iterator[None]:
    backend = "django.core.cache.backends.redis.RedisCache"
    pages = {"BACKEND": backend, "LOCATION": redis_url, "KEY_PREFIX": "cms-leaks"}
    with override_settings(CACHES={"default": pages}):
        caches["default"].clear()
        yield
        caches["default"].clear()


@pytest.mark.redis
@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("mode", MODES)
def test_nobody_does_with_pages_in_redis(mode: str) -> None:
    roam(mode, seed=7, proxied=False)


# -- caches still work -----------------------------------------------------------------


def visited(mode: str) -> Site:
    """Return the site after everybody saw every page three times."""
    with override_settings(PERSONALIZATION_DELIVERY=mode):
        site = Site(proxied=False)
        for kind in KINDS:
            for actor in site.actors * 3:
                site.visit(actor, kind)
    return site


@pytest.mark.parametrize("mode", MODES)
def test_pages_without_blocks_are_rendered_once_for_everybody(mode: str) -> None:
    serials = visited(mode).serials["words"]
    assert len(set().union(*serials.values())) == 2  # one for each word


def test_keyed_pages_are_rendered_once_for_each_answer() -> None:
    """In a, in b, in neither; and whoever sees defaults anyway, as all visitors unknown do."""
    serials = visited("keyed").serials
    assert len(set().union(*serials["blocks"].values())) == 2 * 4
    assert len(set().union(*serials["block"].values())) == 1 + 4  # the words beside it once


def test_inline_pages_are_rendered_once_for_all_unknown_visitors_and_each_time_for_others() -> None:
    site = visited("inline")
    unknown = {actor.name for actor in site.actors if actor.person is None}
    for kind in ("block", "blocks"):
        serials = site.serials[kind]
        assert len(set().union(*(serials[name] for name in unknown))) == 2, kind
    for actor in site.actors:
        if actor.person:
            assert len(site.serials["blocks"][actor.name]) == 6


# -- the fuzzer finds what it is for ---------------------------------------------------


def unguarded_pages(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(page_rendering, "set_page_cache", caching._cms_keeps_page)


def unguarded_placeholders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plugin_rendering, "set_placeholder_cache", caching._cms_keeps_placeholder)


def never_varied(patch: pytest.MonkeyPatch) -> None:
    for module in (caching, cms_plugins):
        patch.setattr(module, "vary_on", lambda request: [])


def always_kept(patch: pytest.MonkeyPatch) -> None:
    for module in (caching, cms_plugins):
        patch.setattr(module, "may_keep", lambda request: True)


BROKEN: list[tuple[Callable[[pytest.MonkeyPatch], None], str]] = [
    (unguarded_pages, "inline"),
    (unguarded_pages, "keyed"),
    (unguarded_placeholders, "inline"),
    (unguarded_placeholders, "keyed"),
    (never_varied, "inline"),
    (never_varied, "keyed"),
    (always_kept, "inline"),
]


@pytest.mark.parametrize(("breaking", "mode"), BROKEN)
def test_a_broken_hook_is_found_out(
    monkeypatch: pytest.MonkeyPatch, breaking: Callable[[pytest.MonkeyPatch], Any], mode: str
) -> None:
    breaking(monkeypatch)
    with pytest.raises(Leak):
        roam(mode, seed=1, n=2000)
