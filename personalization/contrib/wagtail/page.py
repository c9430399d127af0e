"""What a page with personalized blocks can do: be previewed as a segment, and tell its slots apart."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from personalization.contrib.wagtail.on_page import segments_on, slots_twice
from personalization.contrib.wagtail.segments import segment_choices
from personalization.delivery.preview import Preview
from personalization.delivery.visitor import visitor_of

#: So many segments are offered that no block on the page is about.
MORE = 20
_MODE = "segment:"


class PersonalizedMixin:
    """Put it before `Page` among the bases, or before `PreviewableMixin` among those of a snippet.

    Previews can then be those of a segment. Without one, they are those of who is in none: what
    the editors of a page are themselves has no part in them. And no two blocks of a page can be
    of one slot, which would be one place to whoever decides and counts.
    """

    @property
    def preview_modes(self) -> list[tuple[str, Any]]:
        here = segments_on(self)  # type: ignore[arg-type]
        choices = segment_choices()
        first = [choice for choice in choices if choice[0] in here]
        rest = [choice for choice in choices if choice[0] not in here]
        usual: list[tuple[str, Any]] = super().preview_modes  # type: ignore[misc]
        return [
            *usual,
            *(
                (f"{_MODE}{slug}", _("As: %(segment)s") % {"segment": name})
                for slug, name in first + rest[:MORE]
            ),
        ]

    def serve_preview(self, request: HttpRequest, mode_name: str) -> HttpResponse:
        slug = mode_name.removeprefix(_MODE) if mode_name.startswith(_MODE) else ""
        if (visitor := visitor_of(request)) is not None:
            visitor.pretend(Preview(segments=frozenset({slug} if slug else ())))
        usual = super().default_preview_mode  # type: ignore[misc]
        answer: HttpResponse = super().serve_preview(  # type: ignore[misc]
            request, usual if mode_name.startswith(_MODE) else mode_name
        )
        return answer

    def clean(self) -> None:
        super().clean()  # type: ignore[misc]
        text = _("Two blocks here are of the slot “%(slot)s”. Give each place a slot of its own.")
        twice = slots_twice(self)  # type: ignore[arg-type]
        if twice:
            raise ValidationError(
                {
                    name: [ValidationError(text, params={"slot": slot}) for slot in slots]
                    for name, slots in twice.items()
                }
            )
