"""What stands in a personalized block on a page of Wagtail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from personalization.conf import settings
from personalization.delivery.candidates import candidate_of
from personalization.delivery.edited import render_edited
from personalization.delivery.options import Options
from personalization.delivery.published import Candidate
from personalization.delivery.render import DEFERRED


@dataclass(frozen=True)
class Content:
    """Blocks of a stream, which are rendered when they are shown, as nodes of a template are."""

    stream: Any

    def render(self, context: Any) -> SafeString:
        rendered: SafeString = self.stream.render_as_block(context)
        return rendered


def shown(value: Any, context: Mapping[str, Any]) -> SafeString:
    """Return what the visitor of the page gets of the block: as the tag does it."""
    return render_edited(
        value["slot"] or "",
        Content(value["default"]),
        [(candidate, Content(variant["content"])) for candidate, variant in _variants(value)],
        Options(value["mode"] or "", value["reserve"]),
        context,
    )


def told(value: Any, context: Any) -> dict[str, Any]:
    """Return what a front end without pages gets of the block: the same for everybody.

    Where it is delivered after the page, that is all of it. The front end then asks which of the
    variants its visitor sees: `segments` and `key` are what `POST v1/decide` takes.
    """
    default = value["default"]
    answer = {
        "slot": value["slot"],
        "default": default.stream_block.get_api_representation(default, context=context),
    }
    if (value["mode"] or settings.DELIVERY) == DEFERRED:
        answer["variants"] = [
            {
                "key": candidate.key,
                "segments": list(candidate.segments),
                "content": variant["content"].stream_block.get_api_representation(
                    variant["content"], context=context
                ),
            }
            for candidate, variant in _variants(value)
        ]
    return answer


def _variants(value: Any) -> list[tuple[Candidate, Any]]:
    return [
        (candidate_of(segments_of(variant), number=number), variant)
        for number, variant in enumerate(value["variants"])
    ]


def segments_of(variant: Any) -> tuple[str, ...]:
    """Return the slugs that a variant names; none, where it is not finished yet."""
    return tuple(variant["segments"] or ())
