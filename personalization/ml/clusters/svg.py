"""Pictures as SVG, drawn by hand: no library, no script, and no style but by classes.

A page with a strict content security policy refuses inline style; so what things look like is
said by a stylesheet (static/personalization/admin/clusters.css), which also knows of dark pages
and of paper. Each picture has a title and a description, read out where it cannot be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 640, 300
#: Room around the drawing for what stands at its edges.
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 52, 36
#: So many groups have a colour and a shape of their own.
LOOKS = 8


@dataclass(frozen=True, kw_only=True)
class Scale:
    """From values to places on the picture."""

    least: float
    most: float
    first: float
    last: float

    def at(self, value: float) -> str:
        """Return the place of `value`, in tenths of a pixel."""
        span = self.most - self.least
        share = (value - self.least) / span if span else 0.5
        return f"{self.first + share * (self.last - self.first):.1f}"


def across(values: Sequence[float]) -> Scale:
    """Return the scale from left to right on which all `values` have a place."""
    return Scale(least=min(values), most=max(values), first=LEFT, last=WIDTH - RIGHT)


def upwards(values: Sequence[float], *, from_zero: bool = False) -> Scale:
    """Return the scale from below to above."""
    least = min(0.0, *values) if from_zero else min(values)
    return Scale(least=least, most=max(values), first=HEIGHT - BOTTOM, last=TOP)


def picture(
    name: str, parts: Iterable[SafeString], *, title: str, description: str, note: str = ""
) -> SafeString:
    """Return the whole picture; `name` tells it from others of the page, and `note` stands below
    the title."""
    below = words(f"{WIDTH // 2}", "36", note) if note else ""
    return format_html(
        '<svg class="pz-picture" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title" '
        'aria-describedby="{}-desc"><title id="{}-title">{}</title><desc id="{}-desc">{}</desc>'
        '<text class="pz-caption" x="{}" y="18" text-anchor="middle">{}</text>{}{}</svg>',
        WIDTH, HEIGHT, name, name, name, title, name, description, WIDTH // 2, title, below,
        format_html_join("", "{}", ((part,) for part in parts)),
    )  # fmt: skip


def line(x1: str, y1: str, x2: str, y2: str, *, kind: str) -> SafeString:
    return format_html(
        '<line class="pz-{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', kind, x1, y1, x2, y2
    )


def words(x: str, y: str, text: str, *, anchor: str = "middle") -> SafeString:
    return format_html(
        '<text class="pz-label" x="{}" y="{}" text-anchor="{}">{}</text>', x, y, anchor, text
    )


def curve(points: Sequence[tuple[str, str]]) -> SafeString:
    joined = " ".join(f"{x},{y}" for x, y in points)
    return format_html('<polyline class="pz-curve" points="{}"/>', joined)


def dot(x: str, y: str, *, kind: str, text: str = "") -> SafeString:
    """Return a dot; `text` is told where somebody points at it."""
    told = format_html("<title>{}</title>", text) if text else ""
    return format_html('<circle class="pz-{}" cx="{}" cy="{}" r="4">{}</circle>', kind, x, y, told)


def ring(x: str, y: str, *, text: str) -> SafeString:
    """Return a ring that a dot has room in, with words for where somebody points at it."""
    return format_html(
        '<circle class="pz-best" cx="{}" cy="{}" r="8"><title>{}</title></circle>', x, y, text
    )


#: Shapes about the place (0, 0), so that groups differ where colours do not.
_SHAPES = (
    "M-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0", "M-3,-3h6v6h-6z", "M0,-4L4,3H-4z", "M0,-4L4,0L0,4L-4,0z",
    "M-1,-4h2v3h3v2h-3v3h-2v-3h-3v-2h3z", "M0,4L4,-3H-4z", "M-4,-1.5h8v3h-8z", "M-1.5,-4h3v8h-3z",
)  # fmt: skip


def mark(x: str, y: str, look: int) -> SafeString:
    """Return a mark in the colour and shape of a group; -1 is for those in none."""
    if look < 0:
        return format_html('<path class="pz-group-none" d="M{},{}h2v2h-2z"/>', x, y)
    return format_html(
        '<path class="pz-group-{}" transform="translate({} {})" d="{}"/>',
        look % LOOKS, x, y, _SHAPES[look % LOOKS],
    )  # fmt: skip


def legend(part: SafeString) -> SafeString:
    """Return a small picture that is read out to nobody."""
    return format_html(
        '<svg class="pz-legend" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{}</svg>',
        part,
    )
