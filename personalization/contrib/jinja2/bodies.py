"""What Django's node needs of Jinja2: a context to find the request in, and bodies to render."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from django.template import Context as DjangoContext
from django.template.base import NodeList
from django.utils.safestring import SafeString, mark_safe
from jinja2.runtime import Context

#: Renders a part by its number; in an asynchronous environment that is to be awaited.
Caller = Callable[[int], Any]


class Around:
    """The context around a tag, as tags of Django look at one."""

    def __init__(self, context: Context) -> None:
        self._context = context
        # What a template sets may be called `request`, too.
        self.request: HttpRequest | None = context.parent.get("request")

    def get(self, name: str, default: Any = None) -> Any:
        return self._context.get(name, default)

    @classmethod
    def of(cls, context: Context) -> DjangoContext:
        return cast(DjangoContext, cls(context))


class Body(NodeList):
    """One content of a block: asks Jinja2 for the part of that number, when it is rendered."""

    def __init__(self, caller: Caller, *, part: int, is_async: bool) -> None:
        super().__init__()
        self._caller = caller
        self._part = part
        self._is_async = is_async

    def render(self, context: DjangoContext) -> SafeString:
        """Render the part. Its context is that of Jinja2, which the caller has."""
        render = (
            async_to_sync(self._awaited) if self._is_async else partial(self._caller, self._part)
        )
        # Jinja2 has escaped it, as far as its template wants that.
        return mark_safe(render())  # noqa: S308

    async def _awaited(self) -> str:
        """Return the part from the event loop of the page, while the thread of the block waits."""
        return str(await self._caller(self._part))
