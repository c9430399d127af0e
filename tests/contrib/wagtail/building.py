"""Pages with blocks, as editors would have built them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import uuid4

from django.test import Client, RequestFactory
from wagtail.models import Collection, Locale, Page, Site

from tests.conftest import BROWSER
from tests.contrib.items import make_shopper
from tests.contrib.wagtail.site.models import ScratchPage
from tests.delivery.people import Person

DEFAULT_WORDS = "everybody"

Part = dict[str, Any]
P = TypeVar("P", bound=Page)


def words(text: str) -> Part:
    return {"type": "words", "value": text, "id": str(uuid4())}


def block(
    variants: Mapping[str, str],
    *,
    slot: str = "hero",
    default: str = DEFAULT_WORDS,
    mode: str = "",
    reserve: int | None = None,
) -> Part:
    """Return a block with words for the members of each segment (several with +), in order."""
    listed = [
        {"segments": segments.split("+"), "content": [words(text)]}
        for segments, text in variants.items()
    ]
    value = {
        "slot": slot,
        "mode": mode,
        "reserve": reserve,
        "variants": [{"type": "item", "value": each, "id": str(uuid4())} for each in listed],
        "default": [words(default)] if default else [],
    }
    return {"type": "personalized", "value": value, "id": str(uuid4())}


def listed(**said: Any) -> Part:
    """Return a list of two items at the place “home”, if nothing else is said."""
    usual = {
        "place": "home",
        "limit": 2,
        "heading": "",
        "about_page": False,
        "item": "",
        "mode": "",
    }
    return {"type": "listed", "value": {**usual, **said}, "id": str(uuid4())}


def inside(part: Part, *, mode: str = "") -> Part:
    """Return a block that has the part for whoever is in a, and words for everyone else."""
    outer = block({"a": ""}, mode=mode)
    outer["value"]["variants"][0]["value"]["content"] = [part]
    return outer


def around(inner: Part, *, slot: str = "outer") -> Part:
    """Return a block with another one inside, for whoever is in a, and for everyone else."""
    inside = {**inner, "type": "inner"}
    part = block({"a": ""}, slot=slot)
    part["value"]["variants"][0]["value"]["content"] = [inside]
    part["value"]["default"] = [{**inside, "id": str(uuid4())}]
    return part


def make_page(*body: Part, slug: str = "page") -> ScratchPage:
    """Return a published page below the root of a site."""
    return publish(ScratchPage(title=slug.capitalize(), slug=slug, body=list(body)))


def publish(page: P) -> P:
    home().add_child(instance=page)
    return page


def home() -> Page:
    """Return the root of the site. A test with transactions of its own leaves none to the next."""
    site = Site.objects.filter(is_default_site=True).first()
    if site is None:
        Locale.objects.get_or_create(language_code="en")
        root = Page.get_first_root_node() or Page.add_root(title="Root", slug="root")
        Collection.get_first_root_node() or Collection.add_root(name="Root")
        site = Site.objects.create(hostname="testserver", root_page=root, is_default_site=True)
    found: Page = site.root_page
    return found


def words_in(html: str) -> list[str]:
    return re.findall(r"«([^»]*)»", html)


def serials_in(html: str) -> set[str]:
    return set(re.findall(r"<!-- (\d+) -->", html))


def seen(page: Page, person: Person | None = None, query: str = "") -> list[str]:
    client = person.client() if person else Client()
    response = client.get(page.url + query)
    assert response.status_code == 200
    return words_in(response.content.decode())


def previewed_page(page: Any, mode: str = "") -> str:
    """Return what an editor sees who agreed to everything as a visitor, and looked at items."""
    cookies = "; ".join(f"{name}={value}" for name, value in make_shopper().cookies.items())
    editor = RequestFactory(headers={"user-agent": BROWSER, "cookie": cookies}).get("/")
    response = page.make_preview_request(original_request=editor, preview_mode=mode)
    assert response.status_code == 200
    found: str = response.content.decode()
    return found
