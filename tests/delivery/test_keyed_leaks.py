"""Nobody is served a version of a page with keyed slots that is not theirs, under any cache."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from django.core.cache import caches
from django.http import HttpRequest, HttpResponseBase
from django.test import override_settings

from personalization.delivery import asks, caching, edge, inspector, lookup, middleware, page_key
from personalization.delivery.asks import Asks
from personalization.delivery.page_key import DEFAULT_KEY, Answer, Ask
from personalization.delivery.visitor import Visitor
from tests.delivery.fuzz import Leak
from tests.delivery.keyed_fuzz import KEYED_STACKS, KeyedSite
from tests.delivery.world import make_tested_world

pytestmark = pytest.mark.django_db

VISITS = 200
REDIS = "django.core.cache.backends.redis.RedisCache"


def roam(stack: str, *, seed: int, n: int = VISITS, **options: Any) -> KeyedSite:
    with KeyedSite(stack, **options).running() as site:
        site.roam(random.Random(seed), n=n)
        return site


@pytest.mark.parametrize("stack", KEYED_STACKS)
@pytest.mark.parametrize("edge", [False, True], ids=["a CDN", "an edge with keys"])
def test_nobody_gets_what_was_made_for_somebody_else(stack: str, edge: bool) -> None:
    roam(stack, seed=1, edge=edge)


@pytest.mark.parametrize("stack", KEYED_STACKS)
def test_nobody_does_where_only_some_slots_are_keyed(stack: str) -> None:
    roam(stack, seed=3, delivery="inline")


@pytest.mark.parametrize("stack", ["no cache", "whole site", "whole site with keys"])
@pytest.mark.parametrize("edge", [False, True], ids=["a CDN", "an edge with keys"])
def test_nobody_does_where_each_process_has_learned_something_else(stack: str, edge: bool) -> None:
    roam(stack, seed=2, edge=edge, processes=3, proxied=edge)


@pytest.mark.parametrize("stack", ["no cache", "whole site with keys"])
@pytest.mark.parametrize("edge", [False, True], ids=["a CDN", "an edge with keys"])
def test_nobody_does_while_an_experiment_runs_and_some_are_held_out(stack: str, edge: bool) -> None:
    roam(stack, seed=5, edge=edge, world=make_tested_world(), n=300)


def test_nor_where_only_some_slots_are_keyed_meanwhile() -> None:
    roam("whole site with keys", seed=6, delivery="inline", world=make_tested_world(), n=300)


@pytest.mark.slow
@pytest.mark.parametrize("stack", KEYED_STACKS)
@pytest.mark.parametrize("delivery", ["keyed", "inline"])
def test_nobody_does_in_many_more_visits_meanwhile(stack: str, delivery: str) -> None:
    roam(stack, seed=300, delivery=delivery, world=make_tested_world(), n=2000, edge=True)


def test_who_makes_up_a_key_spoils_no_version_for_others() -> None:
    """The edge should have overwritten it. One that does not harms only who sends it."""
    roam("no cache", seed=4, edge=True, gullible=True)


@pytest.mark.slow
@pytest.mark.parametrize("stack", KEYED_STACKS)
@pytest.mark.parametrize("seed", range(200, 206))
def test_nobody_does_after_many_more_visits(stack: str, seed: int) -> None:
    roam(stack, seed=seed, n=3000, edge=bool(seed % 2), processes=1 + seed % 3)


@pytest.mark.redis
@pytest.mark.parametrize("stack", ["no cache", "whole site with keys"])
@pytest.mark.parametrize("edge", [False, True], ids=["a CDN", "an edge with keys"])
def test_nobody_does_with_pages_in_redis(stack: str, edge: bool, redis_url: str) -> None:
    redis = {"default": {"BACKEND": REDIS, "LOCATION": redis_url, "KEY_PREFIX": "keyed"}}
    with override_settings(CACHES=redis):
        caches["default"].clear()
        roam(stack, seed=7, edge=edge)
        caches["default"].clear()


# -- caches are of use -----------------------------------------------------------------


def renders_of(path: str, *, rounds: int, **options: Any) -> int:
    """Return how often the page was rendered for everybody who may be told apart by its key."""
    with KeyedSite(**options).running() as site:
        for guest in [one for one in site.world.guests if one.pretends is None] * rounds:
            site.visit(guest, path)
        return len(site.serials[path])


#: The page of all defaults, one each for a and b, and one for who is in neither: before a page
#: is rendered nobody can tell that they get all defaults.
VERSIONS = 4


@pytest.mark.parametrize("style", ["cached", "cached-late", "cached-api", "cached-generic"])
def test_a_view_is_rendered_once_for_each_version(style: str) -> None:
    renders = renders_of(f"/{style}/keyed", stack="no cache", proxied=False, rounds=4)
    assert renders == VERSIONS


@pytest.mark.parametrize("stack", ["whole site with keys", "asked as slots do before the cache"])
@pytest.mark.parametrize("style", ["bare", "late", "generic"])
def test_a_page_is_rendered_once_for_each_version(stack: str, style: str) -> None:
    renders = renders_of(f"/{style}/keyed", stack=stack, proxied=False, rounds=4)
    assert renders == VERSIONS


def test_a_page_that_asks_and_shows_no_slot_is_rendered_once_more_at_most() -> None:
    """Its first answer looks as if it had come out of a cache."""
    stack = "asked as slots do before the cache"
    renders = renders_of("/dispatched-by-key/keyed", stack=stack, proxied=False, rounds=4)
    assert VERSIONS <= renders <= VERSIONS + 1


def test_a_slot_within_another_is_learned_of_too() -> None:
    """What follows an answer is known after a render with that answer."""
    renders = renders_of("/bare/nested", stack="whole site with keys", proxied=False, rounds=4)
    assert VERSIONS + 1 <= renders <= VERSIONS + 3


def test_an_edge_keeps_each_version() -> None:
    """The first visitor tells what the page asks, before any key of it can be sent."""
    renders = renders_of("/cached/keyed", stack="no cache", edge=True, rounds=6)
    assert renders == VERSIONS


# -- the fuzzer finds what it is for ---------------------------------------------------


def ignore(*args: Any, **kwargs: Any) -> None:
    return


def answers_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(asks, "key_of", lambda answers: ",".join(ask.slot for ask in answers))


def names_forgotten(patch: pytest.MonkeyPatch) -> None:
    def broken(answers: Mapping[Ask, Answer]) -> str:
        return str([answer.keys for answer in answers.values()])

    patch.setattr(asks, "key_of", broken)


def revision_forgotten(patch: pytest.MonkeyPatch) -> None:
    def broken(answers: Mapping[Ask, Answer]) -> str:
        return page_key.key_of({ask: Answer(0, answer.keys) for ask, answer in answers.items()})

    patch.setattr(asks, "key_of", broken)


def only_what_was_foreseen(patch: pytest.MonkeyPatch) -> None:
    """The key of the look-up is taken for that of the render."""
    found = lookup.page_key

    def broken(visitor: Visitor) -> str:
        if visitor.asks.learned is None:
            visitor.first_key = found(visitor)  # type: ignore[attr-defined]
        return getattr(visitor, "first_key", None) or found(visitor)

    patch.setattr(middleware, "page_key", broken)


def only_the_last_question(patch: pytest.MonkeyPatch) -> None:
    def broken(answers: Mapping[Ask, Answer]) -> str:
        return page_key.key_of(dict(list(answers.items())[-1:]))

    patch.setattr(asks, "key_of", broken)


def all_defaults_are_one(patch: pytest.MonkeyPatch) -> None:
    """Who gets all defaults so far is taken for somebody who gets all of them."""

    def broken(answers: Mapping[Ask, Answer]) -> str:
        if any(answer.keys for answer in answers.values()):
            return page_key.key_of(answers)
        return DEFAULT_KEY

    patch.setattr(asks, "key_of", broken)


def everybody_is_refused(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lookup, "is_refused", lambda standing: True)
    patch.setattr(Asks, "_stand", ignore)


def believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(middleware, "set_key_header", ignore)


def not_varied(patch: pytest.MonkeyPatch) -> None:
    for module in (caching, middleware):
        patch.setattr(module, "vary_by_key", ignore)


def left_public(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(edge, "mark_private", ignore)


def beside_unnoticed(patch: pytest.MonkeyPatch) -> None:
    """What is for one visitor counts no more than what the key tells."""

    def broken(self: Visitor) -> bool:
        self.asked = True
        return self.known

    patch.setattr(Visitor, "_may_use", broken)


def never_sealed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Visitor, "__setattr__", _set_all_but_sealed)


def _set_all_but_sealed(self: object, name: str, value: object) -> None:
    if name != "sealed" or value is False:
        object.__setattr__(self, name, value)


def previews_are_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lookup, "_is_apart", lambda visitor: False)
    patch.setattr(caching, "_should_update_cache", _update_for_staff)
    patch.setattr(Visitor, "decide", _decide_for_staff)
    patch.setattr(inspector, "keep_apart", ignore)
    patch.setattr(inspector, "show", ignore)


def _update_for_staff(cache: Any, request: HttpRequest, response: HttpResponseBase) -> bool:
    caching.vary_by_key(response)
    return bool(caching._django_would(cache, request, response))


def _decide_for_staff(self: Visitor, slot: str, candidates: Sequence[Any] = (), **_: Any) -> Any:
    return self._keyed(slot, candidates)


def kept_at_edge_under_any_key(patch: pytest.MonkeyPatch) -> None:
    def broken(visitor: Visitor, response: HttpResponseBase) -> int | None:
        return 60 if settings_say(response) else None

    patch.setattr(edge, "_age_at_edge", broken)


def settings_say(response: HttpResponseBase) -> bool:
    return "max-age" in response.get("Cache-Control", "")


BROKEN: list[tuple[Callable[[pytest.MonkeyPatch], None], str, bool]] = [
    (answers_forgotten, "whole site with keys", False),
    (names_forgotten, "whole site with keys", False),
    (revision_forgotten, "whole site with keys", False),
    (only_what_was_foreseen, "whole site with keys", False),
    (only_the_last_question, "no cache", False),
    (all_defaults_are_one, "whole site with keys", False),
    (everybody_is_refused, "whole site with keys", False),
    (believed, "whole site with keys", False),
    (not_varied, "whole site with keys", False),
    (left_public, "no cache", False),
    (beside_unnoticed, "whole site with keys", False),
    (never_sealed, "no cache", False),
    (previews_are_kept, "whole site with keys", False),
    (kept_at_edge_under_any_key, "no cache", True),
    (answers_forgotten, "no cache", True),
]


@pytest.mark.parametrize(("breaking", "stack", "edge"), BROKEN)
def test_a_broken_key_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
    breaking: Callable[[pytest.MonkeyPatch], None],
    stack: str,
    edge: bool,
) -> None:
    breaking(monkeypatch)
    with pytest.raises(Leak):
        roam(stack, seed=1, edge=edge, gullible=edge, n=3000)
