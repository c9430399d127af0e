"""Random visitors on pages of Wagtail, looking for an answer made for somebody else."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.apps import apps
from django.test import Client, override_settings

from tests.contrib.items import FUZZED, pin_items
from tests.contrib.wagtail.building import (
    Part,
    around,
    block,
    listed,
    make_page,
    serials_in,
    words,
    words_in,
)
from tests.delivery.fuzz import KEY, OURS, Actor, Leak, cast, change
from tests.delivery.http_cache import Answer, HttpCache

BOTH = {"a": "a", "b": "b"}
EVERYBODY = "everybody"
#: A page is kept once for each; what stands on it is a fragment of Django's, or one of Wagtail's.
QUERIES = ("", "?x=1", "?fragment=1", "?fragment=2", "?fragment=3")

_SESSION = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
_DJANGO = ("django.middleware.cache.UpdateCacheMiddleware",
           "django.middleware.cache.FetchFromCacheMiddleware")  # fmt: skip
_WAGTAIL = ("wagtailcache.cache.UpdateCacheMiddleware",
            "wagtailcache.cache.FetchFromCacheMiddleware")  # fmt: skip
#: No wagtail-cache is made for Wagtail 8 yet.
WAGTAIL_CACHE = apps.is_installed("wagtailcache")
STACKS = {
    "no cache": [OURS, *_SESSION],
    "Django's cache": [OURS, _DJANGO[0], KEY, *_SESSION, _DJANGO[1]],
}
if WAGTAIL_CACHE:
    STACKS |= {
        "wagtail-cache": [OURS, _WAGTAIL[0], KEY, *_SESSION, _WAGTAIL[1]],
        "wagtail-cache without keys": [OURS, _WAGTAIL[0], *_SESSION, _WAGTAIL[1]],
    }
#: What stands on a page, and for each word whether it is for the visitor alone.
KINDS: dict[str, tuple[list[Part], tuple[bool, ...]]] = {
    "words": ([words(EVERYBODY)], (False,)),
    "block": ([words(EVERYBODY), block(BOTH)], (False, True)),
    "blocks": ([block(BOTH), block(BOTH, slot="second")], (True, True)),
    "nested": ([around(block(BOTH, slot="inner"))], (True,)),
    "lists": (
        [
            listed(place=FUZZED, limit=1, mode="inline"),
            listed(place=FUZZED, limit=1, mode="deferred"),
        ],
        (True, False),
    ),
    "for-all": ([words(EVERYBODY), listed(place=FUZZED, limit=1, mode="deferred")], (False, False)),
    "modes": ([block(BOTH, mode="inline"), block(BOTH, slot="second", mode="keyed")], (True, True)),
}


@dataclass
class Site:
    """The pages and their visitors; `proxied` puts a CDN in front and lets browsers keep pages."""

    stack: str
    proxied: bool = True
    actors: list[Actor] = field(default_factory=cast)
    cdn: HttpCache = field(default_factory=lambda: HttpCache(shared=True))
    urls: dict[str, str] = field(default_factory=dict)
    #: kind → for everybody: what was rendered for them, by the numbers it says.
    serials: dict[str, dict[str, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )

    @contextmanager
    def running(self) -> Iterator[Site]:
        pin_items()
        for kind, (body, _) in KINDS.items():
            self.urls[kind] = make_page(*body, slug=kind).url
        with override_settings(MIDDLEWARE=STACKS[self.stack]):
            self.client = Client()
            yield self

    def visit(self, actor: Actor, kind: str, query: str = "") -> None:
        answer = self.answer(actor, self.urls[kind] + query)
        expected = [actor.sees if personal else EVERYBODY for personal in KINDS[kind][1]]
        if words_in(answer.body) != expected:
            raise Leak(f"{actor.name} got {words_in(answer.body)} from {kind}{query}")
        self.serials[kind][actor.name] |= serials_in(answer.body)

    def answer(self, actor: Actor, path: str) -> Answer:
        sent = {**actor.headers, "cookie": actor.cookie}

        def ask_server() -> Answer:
            return self.ask(path, sent)

        def ask_cdn() -> Answer:
            return self.cdn.get(path, sent, ask_server)

        return actor.browser.get(path, sent, ask_cdn) if self.proxied else ask_server()

    def ask(self, path: str, sent: dict[str, str]) -> Answer:
        self.client.cookies.clear()
        headers = {name: value for name, value in sent.items() if value}
        response = self.client.get(path, headers=headers)
        if response.cookies:
            raise Leak(f"{path} sets a cookie: {response.cookies}")
        kept = {name.lower(): value for name, value in response.items()}
        if "x-personalization" in str(kept).lower():
            raise Leak(f"{path} tells of our own header: {kept}")
        return Answer(response.status_code, kept, response.content.decode())

    def roam(self, rng: random.Random, *, n: int) -> None:
        """Let `n` random visits happen, and now and then something change."""
        for _ in range(n):
            self.visit(rng.choice(self.actors), rng.choice(list(KINDS)), rng.choice(QUERIES))
            if rng.random() < 0.03:
                change(rng.choice([actor for actor in self.actors if actor.person]), rng)
