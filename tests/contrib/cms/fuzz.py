"""Random visitors on pages of django CMS, looking for an answer made for somebody else."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from cms.api import add_plugin
from cms.cache import invalidate_cms_page_cache
from cms.models import Placeholder
from django.test import Client

from tests.contrib.cms.building import (
    add_block,
    add_list,
    add_words,
    make_page,
    place_on,
    words_in,
)
from tests.contrib.items import FUZZED, pin_items
from tests.delivery.fuzz import Actor, Leak, cast, change
from tests.delivery.http_cache import Answer, HttpCache

BOTH = {"a": "a", "b": "b"}
#: A page is kept once for each; what stands on it once for all of them.
QUERIES = ("", "?x=1", "?x=2")
EVERYBODY = "everybody"


def only_words(content: Placeholder, aside: Placeholder) -> None:
    add_words(content, EVERYBODY)
    add_words(aside, EVERYBODY)


def block_and_words(content: Placeholder, aside: Placeholder) -> None:
    add_words(content, EVERYBODY)
    add_block(aside, BOTH)


def two_blocks(content: Placeholder, aside: Placeholder) -> None:
    add_block(content, BOTH)
    add_block(aside, BOTH)


def two_modes(content: Placeholder, aside: Placeholder) -> None:
    add_block(content, BOTH, mode="inline")
    add_block(aside, BOTH, mode="keyed")


def another_plugin(content: Placeholder, aside: Placeholder) -> None:
    add_words(content, EVERYBODY)
    add_plugin(aside, "TaggedPlugin", "en")


def mirror(content: Placeholder, aside: Placeholder) -> None:
    """Show what stands on another page."""
    add_plugin(content, "MirrorPlugin", "en")
    add_words(aside, EVERYBODY)


def lists(content: Placeholder, aside: Placeholder) -> None:
    """List an item that is the visitor's own, and one that is for all (see `pin_items`)."""
    add_list(content, place=FUZZED, limit=1, mode="inline")
    add_list(aside, place=FUZZED, limit=1, mode="deferred")


def list_for_all(content: Placeholder, aside: Placeholder) -> None:
    add_words(content, EVERYBODY)
    add_list(aside, place=FUZZED, limit=1, mode="deferred")


@dataclass(frozen=True)
class Kind:
    """A page, and for each word on it whether it is for the visitor alone."""

    build: Callable[[Placeholder, Placeholder], None]
    personal: tuple[bool, ...]
    template: str = "scratch/page.html"

    def expects(self, actor: Actor) -> list[str]:
        return [actor.sees if personal else EVERYBODY for personal in self.personal]


KINDS = {
    "words": Kind(only_words, (False, False)),
    "block": Kind(block_and_words, (False, True)),
    "blocks": Kind(two_blocks, (True, True)),
    "modes": Kind(two_modes, (True, True)),
    "mirror": Kind(mirror, (True, False)),
    "lists": Kind(lists, (True, False)),
    "for-all": Kind(list_for_all, (False, False)),
    "plugin": Kind(another_plugin, (False, True)),
    "tag": Kind(only_words, (True, False, False), template="scratch/tagged.html"),
    "everything": Kind(two_blocks, (True, True, True), template="scratch/tagged.html"),
}


@dataclass
class Site:
    """The pages and their visitors; `proxied` puts a CDN in front and lets browsers keep pages."""

    proxied: bool = True
    actors: list[Actor] = field(default_factory=cast)
    cdn: HttpCache = field(default_factory=lambda: HttpCache(shared=True))
    urls: dict[str, str] = field(default_factory=dict)
    #: kind → for everybody: what was rendered for them, by the numbers it says.
    serials: dict[str, dict[str, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )

    def __post_init__(self) -> None:
        self.client = Client()
        pin_items()
        for name, kind in KINDS.items():
            reverse_id = "mirrored" if name == "blocks" else None
            page = make_page(name, template=kind.template, reverse_id=reverse_id)
            kind.build(place_on(page), place_on(page, "aside"))
            self.urls[name] = page.get_absolute_url("en")

    def visit(self, actor: Actor, kind: str, query: str = "") -> Answer:
        answer = self.answer(actor, self.urls[kind] + query)
        if words_in(answer.body) != KINDS[kind].expects(actor):
            raise Leak(f"{actor.name} got {words_in(answer.body)} from {kind}{query}")
        self.serials[kind][actor.name].update(re.findall(r"<!-- (\d+) -->", answer.body))
        return answer

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
            if rng.random() < 0.03:
                invalidate_cms_page_cache()  # as an edit anywhere does
