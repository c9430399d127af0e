"""Have the page cache and the placeholder cache of django CMS ask us before they keep anything.

django CMS knows what a plugin declares of itself (`get_vary_cache_on`), and nothing else: not
what tags ask in the template of a page or of another plugin, and nothing at all of what came
out of its placeholder cache when it keeps the page around it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cms import page_rendering, plugin_rendering
from cms.constants import EXPIRE_NOW, MAX_EXPIRATION_TTL
from cms.toolbar.utils import get_toolbar_from_request
from django.http import HttpRequest, HttpResponse

from personalization.delivery.caching import KEY_HEADER, VISITOR_HEADER
from personalization.delivery.visitor import visitor_of


def may_keep(request: HttpRequest) -> bool:
    """Return whether caches may keep what was rendered: nothing personal went into it, and
    nobody of the staff looks closer at the page.

    How long is left to others. Schedules, caps and the ends of memberships change the answer
    that stands in the key, and so which version a visitor gets, at their very instant.
    """
    visitor = visitor_of(request)
    return visitor is None or not (visitor.used or visitor.ticket)


def vary_on(request: HttpRequest) -> list[str]:
    """Return the headers by which caches tell the versions of what was rendered apart."""
    visitor = visitor_of(request)
    if visitor is None:
        return []
    by_key = [KEY_HEADER] if visitor.asks else []
    return [*by_key, VISITOR_HEADER] if visitor.beside else by_key


class Asked:
    """Stands among the placeholders of a page for whatever of it asked for the visitor."""

    def get_cache_expiration(self, request: HttpRequest, response_timestamp: datetime) -> int:
        return int(MAX_EXPIRATION_TTL if may_keep(request) else EXPIRE_NOW)

    def get_vary_cache_on(self, request: HttpRequest) -> list[str]:
        return vary_on(request)


def guard_caches() -> None:
    """Put our questions before those of django CMS, which has no public hooks for them."""
    page_rendering.set_page_cache = _set_page_cache
    plugin_rendering.set_placeholder_cache = _set_placeholder_cache
    _Renderer.render_placeholder = _render_placeholder


_Renderer: Any = plugin_rendering.ContentRenderer
_cms_keeps_page = page_rendering.set_page_cache
_cms_keeps_placeholder = plugin_rendering.set_placeholder_cache
_cms_renders = _Renderer.render_placeholder


def _set_page_cache(response: Any) -> HttpResponse:
    """Name what the page asked, wherever it did, to the page cache."""
    request: HttpRequest = response._request
    renderer = get_toolbar_from_request(request).content_renderer
    rendered = [*renderer.get_rendered_placeholders(), Asked()]
    renderer.get_rendered_placeholders = lambda: rendered
    try:
        kept: HttpResponse = _cms_keeps_page(response)
    finally:
        del renderer.get_rendered_placeholders
    return kept


def _render_placeholder(renderer: Any, *args: Any, **kwargs: Any) -> str:
    """Have `asked` mean this placeholder alone, with those inside of it, while it is rendered."""
    visitor = visitor_of(renderer.request)
    if visitor is None:
        return str(_cms_renders(renderer, *args, **kwargs))
    before, visitor.asked = visitor.asked, False
    try:
        content: str = _cms_renders(renderer, *args, **kwargs)
    finally:
        visitor.asked = visitor.asked or before
    return content


def _set_placeholder_cache(
    placeholder: Any, *, lang: str, site_id: int, content: Any, request: HttpRequest
) -> None:
    """Let nothing be kept that asked for the visitor: the page around it would not learn of it."""
    visitor = visitor_of(request)
    if visitor is None or not visitor.asked:
        _cms_keeps_placeholder(
            placeholder, lang=lang, site_id=site_id, content=content, request=request
        )
