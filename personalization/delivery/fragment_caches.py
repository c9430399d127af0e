"""Have `{% cache %}` ask us before it keeps what was rendered inside.

What one visitor saw must not be kept for everybody. The tags of templates refuse to stand
inside of it, but what is included there, or what editors put on a page, is known only once it
is rendered. As with caches of pages there is no public hook.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from django.templatetags import cache

from personalization.delivery.block import request_of
from personalization.delivery.visitor import Visitor, visitor_of

_fragments: Any = cache  # what we replace is not in its type stubs
_Node = _fragments.CacheNode
_django_renders = _Node.render
_django_caches = _fragments.caches

#: The visitor whose fragment is being rendered.
_visitor: ContextVar[Visitor | None] = ContextVar("personalization_fragment", default=None)


def guard_fragment_caches() -> None:
    """Put our question before the caches that the tag keeps fragments in."""
    _Node.render = _render
    _fragments.caches = _Caches()


class _Caches:
    def __getitem__(self, alias: str) -> _Cache:
        return _Cache(_django_caches[alias])


class _Cache:
    """A cache that keeps a fragment only if it asked nothing of its visitor."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def get(self, key: str) -> Any:
        return self._cache.get(key)

    def set(self, key: str, value: Any, timeout: Any) -> None:
        visitor = _visitor.get()
        if visitor is None or not visitor.asked:
            self._cache.set(key, value, timeout)


def _render(node: Any, context: Any) -> Any:
    """Have `asked` mean this fragment alone while it is rendered.

    Whoever looks closer at a page may see something else in it than others, and is asked for
    no answer that a fragment holds.
    """
    visitor = visitor_of(request_of(context))
    if visitor is None:
        return _django_renders(node, context)
    if visitor.ticket is not None or visitor.preview is not None:
        return node.nodelist.render(context)
    before, visitor.asked = visitor.asked, False
    token = _visitor.set(visitor)
    try:
        return _django_renders(node, context)
    finally:
        _visitor.reset(token)
        visitor.asked = visitor.asked or before
