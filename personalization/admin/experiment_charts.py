"""Pictures of results as SVG: no library, no script, and no style but by classes.

What they look like is said by static/personalization/admin/experiments.css, which knows of dark
pages and of paper. Each has a title and a description, and stands beside a table that says all
of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.admin.experiment_numbers import number

#: Narrow, so that words can be read on a phone, too.
WIDTH = 400
_LEFT, _RIGHT, _TOP = 14, 14, 12
_ROW, _AXIS = 44, 30
#: Letters that fit above a bar.
_LETTERS = 52


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What lies between `low` and `high`; None: without an end. `tone` is a verdict."""

    label: str
    at: float
    low: float | None
    high: float | None
    tone: str = "unclear"


def interval_chart(
    name: str, bars: Sequence[Bar], *, title: str, say: Callable[[float], str]
) -> SafeString:
    """Return each bar beside the line of no difference; `name` tells it from others of the page."""
    if not bars:
        return SafeString("")
    least, most = _span(bars)
    floor_at = _TOP + _ROW * len(bars)
    place = _scale(least, most)
    parts = [
        *(_tick(place(value), floor_at, say(value)) for value in ticks(least, most)),
        _line("zero", place(0.0), _TOP, place(0.0), floor_at),
        *(part for n, bar in enumerate(bars) for part in _bar(bar, n, place)),
    ]
    told = " ".join(_told(bar, say) for bar in bars)
    return _picture(name, floor_at + _AXIS, parts, title=title, description=told)


def share_chart(name: str, shares: Sequence[tuple[str, int]], *, title: str) -> SafeString:
    """Return how many visitors each arm has, the most as wide as there is room."""
    if not shares:
        return SafeString("")
    most = max(n for _label, n in shares) or 1
    width = WIDTH - _LEFT - _RIGHT
    parts = []
    for place, (label, n) in enumerate(shares):
        y = _TOP + _ROW * place
        parts.append(_words("start", _LEFT, y + 10, _short(f"{label}: {number(n)}")))
        box = '<rect class="pz-visitors" x="{}" y="{}" width="{}" height="12" rx="2"/>'
        parts.append(format_html(box, _LEFT, y + 18, f"{max(1.0, width * n / most):.1f}"))
    told = "; ".join(f"{label}: {number(n)}" for label, n in shares)
    return _picture(name, _TOP + _ROW * len(shares), parts, title=title, description=told)


def ticks(least: float, most: float, *, n: int = 4) -> list[float]:
    """Return round numbers between two, zero among them where it is one, about `n` of them."""
    span = most - least
    if not (isfinite(span) and span > 0):
        return [least]
    rough = span / n
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    first = ceil(least / step)
    return [at * step for at in range(first, floor(most / step + 1e-9) + 1)]


def _span(bars: Sequence[Bar]) -> tuple[float, float]:
    ends = [0.0, *(value for bar in bars for value in (bar.at, bar.low, bar.high) if value is not None)]  # fmt: skip
    least, most = min(ends), max(ends)
    room = 0.06 * (most - least) or 1.0
    return least - room, most + room


def _scale(least: float, most: float) -> Callable[[float], float]:
    def place(value: float) -> float:
        share = (value - least) / (most - least)
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    return place


def _bar(bar: Bar, n: int, place: Callable[[float], float]) -> Iterator[SafeString]:
    y = _TOP + _ROW * n
    low = place(bar.low) if bar.low is not None else _LEFT
    high = place(bar.high) if bar.high is not None else WIDTH - _RIGHT
    middle = y + 26
    yield _words("start", _LEFT, y + 12, _short(bar.label))
    yield _line(f"range pz-is-{bar.tone}", low, middle, high, middle)
    for end, is_end in ((low, bar.low is not None), (high, bar.high is not None)):
        if is_end:
            yield _line(f"range pz-is-{bar.tone}", end, middle - 5, end, middle + 5)
    dot = '<circle class="pz-middle pz-is-{}" cx="{}" cy="{}" r="5"/>'
    yield format_html(dot, bar.tone, place(bar.at), middle)


def _told(bar: Bar, say: Callable[[float], str]) -> str:
    told = {
        "label": bar.label,
        "at": say(bar.at),
        "low": say(bar.low) if bar.low is not None else _("no end"),
        "high": say(bar.high) if bar.high is not None else _("no end"),
    }
    return _("%(label)s: %(at)s, from %(low)s to %(high)s.") % told


def _tick(x: float, y: float, text: str) -> SafeString:
    anchor = "start" if x < _LEFT + 16 else "end" if x > WIDTH - _RIGHT - 16 else "middle"
    parts = (_line("grid", x, _TOP, x, y), _words(anchor, x, y + 18, text))
    return format_html("{}{}", *parts)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> SafeString:
    line = '<line class="pz-{}" x1="{}" y1="{}" x2="{}" y2="{}"/>'
    return format_html(line, kind, f"{x1:g}", f"{y1:g}", f"{x2:g}", f"{y2:g}")


def _words(anchor: str, x: float, y: float, text: str) -> SafeString:
    words = '<text class="pz-said" x="{}" y="{}" text-anchor="{}">{}</text>'
    return format_html(words, f"{x:g}", f"{y:g}", anchor, text)


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"


def _picture(
    name: str, height: int, parts: Sequence[SafeString], *, title: str, description: str
) -> SafeString:
    return format_html(
        '<svg class="pz-chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title" '
        'aria-describedby="{}-desc"><title id="{}-title">{}</title><desc id="{}-desc">{}</desc>'
        "{}</svg>",
        WIDTH, height, name, name, name, title, name, description,
        format_html_join("", "{}", ((part,) for part in parts)),
    )  # fmt: skip
