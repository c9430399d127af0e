"""Nobody is ever served a response made for somebody else, under any cache."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from django.test import override_settings

from personalization.delivery import caching, middleware, visitor
from tests.delivery.fuzz import STACKS, Leak, Site, cast
from tests.delivery.people import make_segments, make_variation

pytestmark = pytest.mark.django_db

VISITS = 300


def roam(stack: str, *, seed: int, proxied: bool, n: int = VISITS) -> Site:
    make_segments("a", "b")
    with Site(stack, cast(), proxied=proxied).running() as site:
        site.roam(random.Random(seed), n=n)
        return site


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "behind a CDN"])
@pytest.mark.parametrize("seed", range(2))
def test_nobody_gets_what_was_made_for_somebody_else(stack: str, proxied: bool, seed: int) -> None:
    roam(stack, seed=seed, proxied=proxied)


@pytest.mark.slow
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("seed", range(100, 105))
def test_nobody_does_after_many_more_visits(stack: str, seed: int) -> None:
    roam(stack, seed=seed, proxied=bool(seed % 2), n=2000)


@pytest.mark.redis
@pytest.mark.parametrize("stack", STACKS)
def test_nobody_does_with_pages_in_redis(stack: str, redis_url: str) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    redis = {"default": {"BACKEND": backend, "LOCATION": redis_url, "KEY_PREFIX": "leaks"}}
    with override_settings(CACHES=redis):
        caches["default"].clear()
        roam(stack, seed=7, proxied=False)
        caches["default"].clear()


def test_variations_from_the_admin_leak_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    make_segments("a", "b")
    make_variation("a", "a")
    with Site("whole site with keys", cast()).running() as site:
        site.roam(random.Random(3), n=VISITS)


# -- caches still work -----------------------------------------------------------------


def visit_all(site: Site, path: str, *, rounds: int = 3) -> dict[str, set[str]]:
    for actor in site.actors * rounds:
        site.visit(actor, path)
    return site.serials[path]


@pytest.mark.parametrize(
    ("stack", "paths"),
    [
        ("no cache", ["/cached/plain", "/cached-late/plain", "/cached-api/plain"]),
        ("whole site", ["/bare/plain", "/late/plain", "/generic/plain", "/cached/plain"]),
        ("whole site with keys", ["/bare/plain", "/late/plain", "/cached-plain-api/plain"]),
    ],
)
def test_pages_without_slots_are_rendered_once_for_everybody(stack: str, paths: list[str]) -> None:
    make_segments("a", "b")
    with Site(stack, cast(), proxied=False).running() as site:
        for path in paths:
            serials = visit_all(site, path)
            assert len(set().union(*serials.values())) == 1, path


@pytest.mark.parametrize("kind", ["slot", "flag", "asked", "id"])
@pytest.mark.parametrize("style", ["bare", "late", "generic", "cached", "dispatched"])
def test_pages_with_slots_are_rendered_once_for_all_unknown_visitors(style: str, kind: str) -> None:
    make_segments("a", "b")
    with Site("whole site with keys", cast(), proxied=False).running() as site:
        serials = visit_all(site, f"/{style}/{kind}")
        unknown = {actor.name for actor in site.actors if actor.person is None}
        assert len(set().union(*(serials[name] for name in unknown))) == 1
        known = [serials[actor.name] for actor in site.actors if actor.person]
        assert all(len(numbers) == 3 for numbers in known)


def test_without_the_key_middleware_pages_with_slots_are_not_kept() -> None:
    make_segments("a", "b")
    with Site("whole site", cast(), proxied=False).running() as site:
        serials = visit_all(site, "/bare/slot")
        assert all(len(numbers) == 3 for numbers in serials.values())


# -- the fuzzer finds what it is for ---------------------------------------------------


def ignore(*args: Any, **kwargs: Any) -> None:
    return


def unguarded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(caching, "_should_update_cache", caching._django_would)


def public(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(middleware, "mark_private", ignore)


def not_overwritten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(middleware, "set_visitor_header", ignore)


def not_varied(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(middleware, "vary_by_visitor", ignore)


def never_sealed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(visitor.Visitor, "__setattr__", _set_all_but_sealed)


def _set_all_but_sealed(self: object, name: str, value: object) -> None:
    if name != "sealed" or value is False:
        object.__setattr__(self, name, value)


def only_max_age_removed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(caching, "_OVERRIDING", frozenset())
    patch.setattr(caching, "_KEEPING", frozenset({"max-age"}))
    patch.setattr(caching, "patch_cache_control", ignore)


def id_unnoticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(visitor.Visitor, "visitor_id", property(lambda self: self._id))


BROKEN: list[tuple[Callable[[pytest.MonkeyPatch], None], str]] = [
    (unguarded, "no cache"),
    (unguarded, "whole site"),
    (unguarded, "asked before the cache"),
    (public, "no cache"),
    (not_overwritten, "whole site with keys"),
    (not_varied, "whole site with keys"),
    (never_sealed, "no cache"),
    (only_max_age_removed, "no cache"),
    (id_unnoticed, "whole site"),
]


@pytest.mark.parametrize(("breaking", "stack"), BROKEN)
def test_a_broken_middleware_is_found_out(
    monkeypatch: pytest.MonkeyPatch, breaking: Callable[[pytest.MonkeyPatch], None], stack: str
) -> None:
    breaking(monkeypatch)
    with pytest.raises(Leak):
        roam(stack, seed=1, proxied=True, n=5000)
