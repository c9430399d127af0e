"""What stands in a block on a page of django CMS: for its visitors, and for its editors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cms.models import CMSPlugin
from cms.toolbar.utils import get_toolbar_from_request
from django.template import Context
from django.utils.safestring import SafeString, mark_safe

from personalization.contrib.cms.models import PersonalizedBlock, Variant
from personalization.delivery.candidates import candidate_of
from personalization.delivery.edited import render_edited
from personalization.delivery.options import Options
from personalization.delivery.published import Candidate


@dataclass(frozen=True)
class Block:
    """A block as it is rendered: its variants with what a decision calls them, and the rest."""

    slot: str
    slot_named: bool
    mode: str
    reserve: int | None
    variants: tuple[tuple[Candidate, Variant], ...]
    default: tuple[CMSPlugin, ...]

    @property
    def candidates(self) -> list[Candidate]:
        return [candidate for candidate, _variant in self.variants]


def block_of(instance: PersonalizedBlock) -> Block:
    """Return the block with its children, which django CMS has read along with the page."""
    children: Sequence[CMSPlugin] = tuple(instance.child_plugin_instances or ())
    variants = [child for child in children if isinstance(child, Variant)]
    return Block(
        slot=instance.place,
        slot_named=bool(instance.slot),
        mode=instance.mode,
        reserve=instance.reserve,
        variants=tuple(
            (candidate_of(each.segments, number=number), each)
            for number, each in enumerate(variants)
        ),
        default=tuple(child for child in children if not isinstance(child, Variant)),
    )


@dataclass(frozen=True)
class Content:
    """Plugins, which are rendered when they are shown, as nodes of a template are."""

    plugins: tuple[CMSPlugin, ...]

    def render(self, context: Any) -> SafeString:
        renderer: Any = get_toolbar_from_request(context["request"]).get_content_renderer()
        parts = [renderer.render_plugin(one, context, editable=False) for one in self.plugins]
        return mark_safe("".join(parts))  # noqa: S308 - of plugins, which are rendered


def shown(block: Block, context: Context) -> SafeString:
    """Return what the visitor of the page gets of the block: as the tag does it."""
    return render_edited(
        block.slot,
        Content(block.default),
        [(candidate, Content((variant,))) for candidate, variant in block.variants],
        Options(block.mode, block.reserve),
        context,
    )
