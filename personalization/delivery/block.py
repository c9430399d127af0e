"""The node of `{% personalized_block %}`."""

from __future__ import annotations

from typing import Any

from django.template import Context, Node
from django.template.base import NodeList
from django.utils.safestring import SafeString, mark_safe

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

    @property
    def candidates(self) -> list[Candidate]:
        return [candidate for candidate, _ in self.variants]

    def get_nodes_by_type(self, nodetype: type[Any]) -> list[Any]:
        found = [self] if isinstance(self, nodetype) else []
        for nodelist in (self.default, *(nodelist for _, nodelist in self.variants)):
            found += nodelist.get_nodes_by_type(nodetype)
        return found

    def render(self, context: Context) -> SafeString:
        decision = decide(context.get("request"), self.slot, self.candidates)
        if decision is None or decision.candidate is None:
            return self.default.render(context)
        for candidate, nodelist in self.variants:
            if candidate is decision.candidate:
                return nodelist.render(context)
        # Written by staff who may change what the site says, as flat pages are.
        return mark_safe(decision.candidate.content)  # noqa: S308
