"""Pages with blocks, as editors would have built them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from cms.api import add_plugin, create_page
from cms.models import Page, Placeholder
from cms.toolbar.utils import get_object_edit_url
from django.core.cache import cache
from django.test import Client

from personalization.contrib.cms.cms_plugins import BLOCK, DEFAULT, LIST, VARIANT
from personalization.contrib.cms.models import PersonalizedBlock, RecommendedItems

DEFAULT_WORDS = "everybody"


def make_page(
    slug: str = "page", *, template: str = "scratch/page.html", reverse_id: str | None = None
) -> Page:
    return create_page(slug.capitalize(), template, "en", slug=slug, reverse_id=reverse_id)


def place_on(page: Page, slot: str = "content", *, language: str = "en") -> Placeholder:
    content = page.get_content_obj(language, fallback=False)
    return content.rescan_placeholders()[slot]


def add_words(placeholder: Placeholder, body: str, *, inside: Any = None) -> Any:
    return add_plugin(placeholder, "WordsPlugin", "en", target=inside, body=body)


def add_block(
    placeholder: Placeholder,
    variants: Mapping[str, str],
    *,
    default: str = DEFAULT_WORDS,
    inside: Any = None,
    **fields: Any,
) -> PersonalizedBlock:
    """Add a block with words for the members of each segment (several with +), in order."""
    block: PersonalizedBlock = add_plugin(placeholder, BLOCK, "en", target=inside, **fields)
    for segments, body in variants.items():
        add_variant(block, segments, body)
    if default:
        everyone = add_plugin(placeholder, DEFAULT, "en", target=block)
        add_words(placeholder, default, inside=everyone)
    return block


def add_variant(block: PersonalizedBlock, segments: str, body: str, **fields: Any) -> Any:
    variant = add_plugin(
        block.placeholder, VARIANT, "en", target=block, segments=segments.split("+"), **fields
    )
    add_words(block.placeholder, body, inside=variant)
    return variant


def add_list(placeholder: Placeholder, *, inside: Any = None, **fields: Any) -> RecommendedItems:
    """Add a list of two items at the place “home”, if the fields say nothing else."""
    said = {"place": "home", "limit": 2, **fields}
    added: RecommendedItems = add_plugin(placeholder, LIST, "en", target=inside, **said)
    return added


def published(page: Page) -> str:
    """Return the address of the page, of which caches know nothing."""
    cache.clear()
    return str(page.get_absolute_url("en"))


def words_in(html: str) -> list[str]:
    """Return what the plugins of the page say, in order."""
    return re.findall(r"«([^»]*)»", html)


def edited(client: Client, page: Page) -> str:
    """Return the page as it is edited."""
    response = client.get(get_object_edit_url(page.get_content_obj("en"), language="en"))
    assert response.status_code == 200
    return unescape(response.content.decode())


def hints_in(html: str) -> list[str]:
    """Return what its editors are told that is odd."""
    return re.findall(r'class="pz-cms-warning">([^<]*)<', html)
