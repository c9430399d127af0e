"""The node of `{% personalized_block %}`."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.http import HttpRequest
from django.template import Context, Node
from django.template.base import NodeList
from django.utils.safestring import SafeString, mark_safe

from personalization.delivery.attempt import attempt
from personalization.delivery.published import Candidate
from personalization.delivery.render import decide


class PersonalizedBlock(Node):
    """A slot with its default and the variants its template has for it.

    The slugs are literals, so that the node tree tells which segments a page can
    depend on without rendering it.
    """

    def __init__(
        self, slot: str, default: NodeList, variants: list[tuple[Candidate, NodeList]]
    ) -> None:
        self.slot = slot
        self.default = default
        self.variants = variants
        self.candidates = [candidate for candidate, _ in variants]

    def get_nodes_by_type(self, nodetype: type[Any]) -> list[Any]:
        found = [self] if isinstance(self, nodetype) else []
        for nodelist in (self.default, *(nodelist for _, nodelist in self.variants)):
            found += nodelist.get_nodes_by_type(nodetype)
        return found

    def render(self, context: Context) -> SafeString:
        if django_settings.DEBUG:
            shown = self._variant(context)
        else:
            shown = attempt(
                lambda: self._variant(context), otherwise=None, what=f"Slot {self.slot}"
            )
        return self.default.render(context) if shown is None else shown

    def _variant(self, context: Context) -> SafeString | None:
        """Return what the visitor sees instead of the default, if anything."""
        decision = decide(request_of(context), self.slot, self.candidates)
        if decision is None or decision.candidate is None:
            return None
        for candidate, nodelist in self.variants:
            if candidate is decision.candidate:
                return nodelist.render(context)
        # Written by staff who may change what the site says, as flat pages are.
        return mark_safe(decision.candidate.content)  # noqa: S308


def request_of(context: Context) -> HttpRequest | None:
    """Return the request of a template: also inside `{% include … only %}`, and where a
    variable of the page is called `request` too."""
    return getattr(context, "request", None) or context.get("request")
