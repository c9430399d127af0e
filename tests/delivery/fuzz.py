"""Random visitors on random pages, looking for an answer that was made for somebody else."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.test import Client, override_settings

from tests.delivery import pages
from tests.delivery.http_cache import Answer, HttpCache
from tests.delivery.people import Person, make_person

OURS = "personalization.delivery.middleware.PersonalizationMiddleware"
KEY = "personalization.delivery.middleware.CacheKeyMiddleware"
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
CONDITIONAL = "django.middleware.http.ConditionalGetMiddleware"
GZIP = "django.middleware.gzip.GZipMiddleware"
ASKING = "tests.delivery.asking.AskingMiddleware"

STACKS = {
    "no cache": [COMMON],
    "whole site": [UPDATE, COMMON, FETCH],
    "whole site with keys": [UPDATE, KEY, COMMON, FETCH],
    "whole site with keys, among others": [GZIP, UPDATE, KEY, CONDITIONAL, COMMON, FETCH],
    "asked before the cache": [UPDATE, ASKING, FETCH],
    "asked before the cache with keys": [UPDATE, KEY, ASKING, FETCH],
}

KINDS = ("plain", "slot", "flag", "asked", "id", "keyed")
PATHS = [f"/{style}/{kind}" for style in pages.STYLES for kind in KINDS]
#: What is rendered after its headers are out is the default for everybody, unless the
#: visitor was asked for before.
TOO_LATE = ("/streamed/", "/public-streamed/")


class Leak(AssertionError):
    """Somebody got what was not made for them."""


@dataclass
class Actor:
    """A visitor with a browser: what they are to see, and what they send."""

    name: str
    sees: str = "everybody"
    person: Person | None = None
    headers: dict[str, str] = field(default_factory=dict)
    browser: HttpCache = field(default_factory=lambda: HttpCache(shared=False))

    @property
    def cookie(self) -> str:
        if self.person is None:
            return self.headers.get("cookie", "")
        return "; ".join(f"{name}={value}" for name, value in self.person.cookies.items())

    def expects(self, path: str, *, asked: bool) -> str:
        style, _, kind = path.removeprefix("/").partition("/")
        if style in pages.SHOWN_BY:
            kind = "slot"
        if (path.startswith(TOO_LATE) and not asked) or kind == "plain":
            return "everybody"
        if kind == "id":
            return self.person.visitor_id if self.person else "everybody"
        return self.sees


def cast() -> list[Actor]:
    """Return everybody who visits the site; the segments `a` and `b` must exist."""
    known = {"cookie": f"pz_id={'0' * 32}:{'x' * 43}", "X-Personalization-Visitor": "known"}
    return [
        Actor("stranger"),
        Actor("stranger with cookies", headers={"cookie": "theme=dark; pz_consent=1."}),
        Actor("forger", headers=known),
        Actor("in a", "a", make_person("a")),
        Actor("in b", "b", make_person("b")),
        Actor("in a too", "a", make_person("a", "b")),
        Actor("known, in none", "everybody", make_person()),
        Actor("did not agree", "everybody", make_person("a", consents=("analytics",))),
        Actor(
            "pretends to be unknown",
            "b",
            make_person("b"),
            headers={"X-Personalization-Visitor": "unknown"},
        ),
    ]


@dataclass
class Site:
    """The site; `proxied` puts a CDN in front of it and lets browsers keep pages."""

    stack: str
    actors: list[Actor]
    proxied: bool = True
    cdn: HttpCache = field(default_factory=lambda: HttpCache(shared=True))
    #: path → for everybody who got an answer from the server: the serial numbers.
    serials: dict[str, dict[str, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )

    @contextmanager
    def running(self) -> Iterator[Site]:
        middleware = [OURS, *STACKS[self.stack]]
        with override_settings(MIDDLEWARE=middleware, ROOT_URLCONF="tests.delivery.pages"):
            self.client = Client()
            yield self

    def visit(self, actor: Actor, path: str) -> None:
        answer = self.answer(actor, path)
        got = answer.body.rpartition(" ")[0]
        if got != actor.expects(path, asked=ASKING in STACKS[self.stack]):
            raise Leak(f"{actor.name} got “{got}” from {path} ({self.stack}): {answer}")

    def answer(self, actor: Actor, path: str) -> Answer:
        sent = {**actor.headers, "cookie": actor.cookie}

        def ask_server() -> Answer:
            return self.ask(actor, path, sent)

        def ask_cdn() -> Answer:
            return self.cdn.get(path, sent, ask_server)

        return actor.browser.get(path, sent, ask_cdn) if self.proxied else ask_server()

    def ask(self, actor: Actor, path: str, sent: dict[str, str]) -> Answer:
        self.client.cookies.clear()
        headers = {name: value for name, value in sent.items() if value}
        response = self.client.get(path, headers=headers)
        body = response.getvalue().decode()
        self.serials[path][actor.name].add(body.rpartition(" ")[2])
        if response.cookies:
            raise Leak(f"{path} sets a cookie: {response.cookies}")
        answer = Answer(
            response.status_code,
            {name.lower(): value for name, value in response.items()},
            body,
        )
        if "x-personalization" in str(answer.headers).lower():
            raise Leak(f"{path} tells of our own header: {answer.headers}")
        return answer

    def roam(self, rng: random.Random, *, n: int) -> None:
        """Let `n` random visits happen, and now and then something change."""
        for _ in range(n):
            self.visit(rng.choice(self.actors), rng.choice(PATHS))
            if rng.random() < 0.02:
                change(rng.choice([actor for actor in self.actors if actor.person]), rng)


def change(actor: Actor, rng: random.Random) -> None:
    """Move somebody to another segment, or let them withdraw, as time and consent do."""
    assert actor.person is not None
    segment, agrees = rng.choice(["a", "b", ""]), rng.random() < 0.7
    actor.person.enter(*filter(None, [segment]))
    actor.person.agree_to(*(["personalization"] if agrees else []))
    actor.sees = (segment or "everybody") if agrees else "everybody"
