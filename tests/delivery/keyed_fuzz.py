"""Random visitors of a site that changes, with keyed slots in its pages, looking for an answer
that was made for somebody else, or before something changed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from django.core.cache.backends.locmem import LocMemCache
from django.test import Client, override_settings

from personalization.delivery import edge_views, learned, middleware
from personalization.delivery.visitor import Visitor
from tests.conftest import BROWSER
from tests.delivery import pages
from tests.delivery.fuzz import ASKING, COMMON, FETCH, KEY, OURS, STACKS, UPDATE, Leak
from tests.delivery.http_cache import Answer, HttpCache
from tests.delivery.world import ODD, Guest, World, make_world

AS_SLOTS = "tests.delivery.asking.AskingAsSlotsMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
LOGIN = "django.contrib.auth.middleware.AuthenticationMiddleware"

KEYED_STACKS = {
    **STACKS,
    "asked as slots do before the cache": [UPDATE, KEY, AS_SLOTS, FETCH],
    "asked as slots do before caches of views": [AS_SLOTS, COMMON],
}
PATHS = [f"/{style}/{kind}" for style in pages.STYLES for kind in pages.SOURCES]
TURNING_PATHS = [f"/{style}/x" for style in pages.TURNING]
#: What is rendered after its headers are out shows defaults, unless they say it is personal.
TOO_LATE = ("/streamed/", "/public-streamed/")
KEY_HEADER = "x-personalization-key"


@dataclass
class KeyedSite:
    """The site in front of which browsers and a CDN keep what they may; with `edge`, the CDN asks
    for the key of each page first."""

    stack: str
    world: World = field(default_factory=make_world)
    delivery: str = "keyed"
    edge: bool = False
    proxied: bool = True
    #: An edge that believes the key a client sends.
    gullible: bool = False
    #: What each process learned of pages is its own; the pages themselves are shared.
    processes: int = 1
    cdn: HttpCache = field(default_factory=lambda: HttpCache(shared=True))
    browsers: dict[str, HttpCache] = field(
        default_factory=lambda: defaultdict(lambda: HttpCache(shared=False))
    )
    #: path → the serial numbers that everybody got from the server.
    serials: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    visits: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @contextmanager
    def running(self) -> Iterator[KeyedSite]:
        with ExitStack() as stack:
            stack.enter_context(
                override_settings(
                    MIDDLEWARE=[OURS, *_with_login(KEYED_STACKS[self.stack])],
                    ROOT_URLCONF="tests.delivery.pages",
                    PERSONALIZATION_DELIVERY=self.delivery,
                    PERSONALIZATION_EDGE=self.edge,
                    PERSONALIZATION_PAUSE_SEGMENT=ODD,
                    PERSONALIZATION_HOLDOUT=self.world.holdouts[0],
                    PERSONALIZATION_GLOBAL_HOLDOUT=self.world.holdouts[1],
                )
            )
            for module in (middleware, edge_views):
                stack.enter_context(patch.object(module, "Visitor", self._visitor))
            if self.processes > 1:
                stack.enter_context(patch.object(learned, "_cache", self._cache_of_process))
            self.client = Client()
            yield self

    def _visitor(self, request: object) -> Visitor:
        return Visitor(request, now=self.world.now)  # type: ignore[arg-type]

    def _cache_of_process(self) -> LocMemCache:
        return LocMemCache(f"process {self.rng.randrange(self.processes)}", {})

    def roam(self, rng: random.Random, *, n: int) -> None:
        self.rng = pages.chance = rng
        for number in range(n):
            if number % 200 == 0:  # a few pages at a time, so that caches come to have them
                paths = [*rng.sample(PATHS, 20), *TURNING_PATHS * 4]
            self.visit(rng.choice(self.world.guests), rng.choice(paths))
            if rng.random() < 0.05:
                self.world.change(rng)

    def visit(self, guest: Guest, path: str) -> str:
        """Return what the guest sees.

        :raises Leak: if that is not for them.
        """
        answer = self.answer(guest, path)
        got = answer.body.rpartition(" ")[0]
        expected = self._expected(guest, path, got)
        if got != expected and not (self.gullible and KEY_HEADER in guest.headers):
            raise Leak(f"{guest.name} got “{got}” and not “{expected}” from {path}: {answer}")
        return got

    def _expected(self, guest: Guest, path: str, got: str) -> str:
        style, _, kind = path.removeprefix("/").partition("/")
        if path.startswith(TOO_LATE) and not self._is_asked_first(guest):
            guest = Guest("somebody too late")
        if style in pages.TURNING:
            kind = got.partition(":")[0]
            return f"{kind}:{self.world.sees(guest, kind)}"
        return self.world.sees(guest, pages.SHOWN_BY.get(style, kind))

    def _is_asked_first(self, guest: Guest) -> bool:
        """Return whether all pages are personal before they are rendered. Who previews is known
        as such only behind the middleware that asks."""
        stack = KEYED_STACKS[self.stack]
        asked = ASKING in stack or (AS_SLOTS in stack and self.delivery == "inline")
        return asked and guest.pretends is None

    def answer(self, guest: Guest, path: str) -> Answer:
        sent = {"user-agent": BROWSER, **guest.headers, "cookie": guest.cookie}

        def ask_cdn() -> Answer:
            if not self.edge:
                return self.cdn.get(path, sent, lambda: self.ask(path, sent))
            made_up = sent.get(KEY_HEADER) if self.gullible else None
            keyed = {**sent, KEY_HEADER: made_up or self.key(path, sent)}
            return self.cdn.get(path, keyed, lambda: self.ask(path, keyed))

        self.visits[path] += 1
        if not self.proxied:
            return self.ask(path, sent)
        return self.browsers[guest.name].get(path, sent, ask_cdn)

    def key(self, path: str, sent: dict[str, str]) -> str:
        return str(self._get("/p/v1/key", sent, data={"path": path})[KEY_HEADER])

    def ask(self, path: str, sent: dict[str, str]) -> Answer:
        response = self._get(path, sent)
        body = response.getvalue().decode()
        self.serials[path].add(body.rpartition(" ")[2])
        if response.cookies:
            raise Leak(f"{path} sets a cookie: {response.cookies}")
        headers = {name.lower(): value for name, value in response.items()}
        told = {**headers, "vary": ""} if self.edge else headers
        if "x-personalization" in str(told).lower():
            raise Leak(f"{path} tells of our own header: {headers}")
        return Answer(response.status_code, headers, body)

    def _get(self, path: str, sent: dict[str, str], **options: Any) -> Any:
        self.client.cookies.clear()
        headers = {name: value for name, value in sent.items() if value}
        return self.client.get(path, headers=headers, **options)


def _with_login(stack: list[str]) -> list[str]:
    """Return the stack with what tells who is logged in, for staff who preview."""
    place = next(stack.index(name) for name in (ASKING, AS_SLOTS, COMMON) if name in stack)
    return [*stack[:place], SESSION, LOGIN, *stack[place:]]
