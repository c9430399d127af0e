"""Lists under every cache: nobody gets what was made for somebody else, and what is for all is
kept for all."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from django.db.models import Model
from django.test import override_settings

from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.segments.models import Segment
from tests.delivery import fuzz, pages
from tests.delivery.fuzz import STACKS, Leak, Site, cast
from tests.delivery.people import make_segments
from tests.delivery.recommending import make_items

pytestmark = pytest.mark.django_db

LISTED = (
    "{% recommend 'home' limit=1 as items %}{% for one in items %}{{ one.item.key }}{% endfor %}"
)
STYLES = [style for style in pages.STYLES if style not in pages.SHOWN_BY]
VISITS = 80


def pin(key: str, *, segment: Model | None = None, name: str) -> None:
    RecommendationRule.objects.create(
        name=name, segment=segment, action="pin", target="item", value=key
    )


@pytest.fixture(autouse=True)
def _site(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A site whose lists show who they are for, by rules of segments."""
    make_segments("a", "b")
    make_items("a", "b", "everybody")
    pin("a", segment=Segment.objects.get(slug="a"), name="first")
    pin("b", segment=Segment.objects.get(slug="b"), name="second")
    pin("everybody", name="third")
    monkeypatch.setitem(pages.SOURCES, "list", LISTED)
    monkeypatch.setitem(pages.SOURCES, "for-all", LISTED.replace(" as ", " mode='deferred' as "))
    monkeypatch.setitem(pages.SOURCES, "inert", _inert())
    monkeypatch.setattr(fuzz, "PATHS", [f"/{style}/list" for style in STYLES])
    pages.template.cache_clear()
    yield
    pages.template.cache_clear()


def _inert() -> str:
    return (
        '{% personalized_block "hero" deferred %}-{% variant "a" %}'
        + LISTED
        + "{% endpersonalized_block %}"
    )


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "behind a CDN"])
def test_nobody_gets_a_list_that_was_made_for_somebody_else(stack: str, proxied: bool) -> None:
    with Site(stack, cast(), proxied=proxied).running() as site:
        site.roam(random.Random(11), n=VISITS)


def test_such_a_leak_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "personalization.delivery.visitor.Visitor._may_use", lambda self: self.known
    )
    with Site("whole site", cast()).running() as site, pytest.raises(Leak):
        site.roam(random.Random(11), n=VISITS)


@pytest.mark.parametrize("kind", ["for-all", "inert"])
def test_a_list_for_all_is_the_same_for_all_and_kept_once(kind: str) -> None:
    with Site("whole site", cast(), proxied=False).running() as site:
        bodies = {
            site.answer(actor, f"/bare/{kind}").body.rpartition(" ")[0] for actor in site.actors * 2
        }
        assert len(bodies) == 1
        assert "everybody" in bodies.pop()
        assert len(set.union(*site.serials[f"/bare/{kind}"].values())) == 1


@override_settings(PERSONALIZATION_DELIVERY="keyed")
def test_where_the_site_keeps_pages_by_key_lists_are_for_all() -> None:
    with Site("whole site with keys", cast(), proxied=False).running() as site:
        bodies = {site.answer(actor, "/bare/list").body.split()[0] for actor in site.actors}
        assert bodies == {"everybody"}
