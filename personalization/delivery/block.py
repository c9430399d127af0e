"""The node of `{% personalized_block %}`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol

from django.conf import settings as django_settings
from django.http import HttpRequest
from django.template import Context, Node
from django.template.base import NodeList
from django.utils.safestring import SafeString, mark_safe

from personalization.conf import settings
from personalization.delivery.attempt import attempt
from personalization.delivery.choose import Decision
from personalization.delivery.deferred import marked, placeholder
from personalization.delivery.listed import with_lists
from personalization.delivery.options import Options
from personalization.delivery.published import Candidate
from personalization.delivery.recommendations import list_in
from personalization.delivery.render import (
    DEFERRED,
    KEYED,
    decide,
    note_failure,
    refuse_unknown,
    usual_mode,
)
from personalization.delivery.visitor import visitor_of


class Body(Protocol):
    """What can stand in a block: nodes of a template, or what a CMS has there."""

    def render(self, context: Any) -> SafeString: ...


_USUAL = Options()
#: Whether what is rendered lies in a placeholder, where nobody sees it before the browser has
#: asked: then nothing in it is decided, either.
_inert: ContextVar[bool] = ContextVar("personalization_inert", default=False)


class PersonalizedBlock(Node):
    """A slot with its default and the variants its template has for it.

    The slugs are literals, so that the node tree tells which segments a page can
    depend on without rendering it.
    """

    #: Whether DEBUG shows what fails: it is the mistake of whoever wrote the template.
    stops_at_mistakes = True

    def __init__(
        self,
        slot: str,
        default: Body,
        variants: Sequence[tuple[Candidate, Body]],
        options: Options = _USUAL,
    ) -> None:
        self.slot = slot
        self.options = options
        self.default = default
        self.variants = variants
        self.candidates = tuple(candidate for candidate, _ in variants)

    def get_nodes_by_type(self, nodetype: type[Any]) -> list[Any]:
        found = [self] if isinstance(self, nodetype) else []
        for body in (self.default, *(body for _, body in self.variants)):
            if isinstance(body, NodeList):
                found += body.get_nodes_by_type(nodetype)
        return found

    @property
    def mode(self) -> str:
        """How it is delivered; empty: as everywhere on this site."""
        return self.options.mode

    def render(self, context: Context) -> SafeString:
        if _inert.get() or (self.mode or usual_mode(request_of(context))) == DEFERRED:
            return self._placeholder(context)
        shown = self._attempted(lambda: self._variant(context), context)
        if shown is not None:
            return shown
        return self._wrapped(self.default.render(context), None)

    def _variant(self, context: Context) -> SafeString | None:
        """Return what the visitor sees instead of the default, if anything."""
        request = request_of(context)
        decided = decide(request, self.slot, self.candidates, mode=self.mode)
        if decided is None:
            return None
        mode = self.mode or usual_mode(request)
        decision, _ = with_lists(decided, partial(list_in, request), mode=mode)
        shown = [self._shown(candidate, context) for candidate in decision.candidates]
        visitor = visitor_of(request)
        # Where all of it were empty lists, it counts only for what the visitor is assigned.
        if visitor and (shown or not decided.candidates or decision.assigned):
            visitor.expose(decision)
        if not shown:
            return None
        return self._wrapped(mark_safe("".join(shown)), decision)  # noqa: S308 - of safe parts

    def _wrapped(self, content: SafeString, decision: Decision | None) -> SafeString:
        """Return the content in an element that tells what it is, if the tag says so.

        Caches may keep a keyed page for others, who get the same by other decisions.
        """
        if not self.options.wrap:
            return content
        keyed = (self.mode or settings.DELIVERY) == KEYED
        return marked(self.slot, content, decision, with_id=not keyed)

    def _placeholder(self, context: Context) -> SafeString:
        """Return what is the same for everybody; a variant that fails is not in it."""
        refuse_unknown(request_of(context), self.candidates)
        rendered = [
            (candidate, self._attempted(partial(_rendered_inert, body, context), context))
            for candidate, body in self.variants
        ]
        return placeholder(
            self.slot,
            default=self.default.render(context),
            variants=[(one, content) for one, content in rendered if content is not None],
            reserve=self.options.reserve,
        )

    def _attempted(
        self, make: Callable[[], SafeString | None], context: Context
    ) -> SafeString | None:
        """Return what `make` makes; None when it fails, which DEBUG shows instead."""
        if self.stops_at_mistakes and django_settings.DEBUG:
            return make()
        return attempt(
            make,
            otherwise=None,
            what=f"Slot {self.slot}",
            failed=lambda error: note_failure(request_of(context), self.slot, error),
        )

    def _shown(self, candidate: Candidate, context: Context) -> SafeString:
        for mine, nodelist in self.variants:
            if mine is candidate:
                return nodelist.render(context)
        # Written by staff who may change what the site says, as flat pages are.
        return mark_safe(candidate.content)  # noqa: S308


def _rendered_inert(body: Body, context: Context) -> SafeString:
    token = _inert.set(True)
    try:
        return body.render(context)
    finally:
        _inert.reset(token)


def is_inert() -> bool:
    """Return whether what is rendered is in a page that is the same for everybody."""
    return _inert.get()


def request_of(context: Context) -> HttpRequest | None:
    """Return the request of a template: also inside `{% include … only %}`, and where a
    variable of the page is called `request` too."""
    return getattr(context, "request", None) or context.get("request")
