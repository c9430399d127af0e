"""Numbers in words, with as many digits as are known of them."""

from __future__ import annotations

from math import floor, log10

from django.utils.formats import number_format
from django.utils.translation import gettext as _


def number(n: int) -> str:
    return number_format(n, force_grouping=True)


def rounded(value: float, digits: int) -> str:
    """Return a number with so many digits after the point, the last one rounded.

    Django's `number_format` by itself cuts digits off: of 99.99… it makes 99.
    """
    return number_format(round(value, digits), digits)


def about(n: int, *, low: int, high: int) -> str:
    """Return how many, of a number between `low` and `high`: “about 1,200 ± 60”.

    Of one that may as well be none, the most: “at most 300”.
    """
    if low == high:
        return number(n)
    margin = rounded_up(max(n - low, high - n))
    if margin >= n:
        return _("at most %(n)s") % {"n": number(rounded_up(high))}
    step = int(10 ** floor(log10(margin)))
    shown = round(n / step) * step
    return _("about %(n)s ± %(margin)s") % {"n": number(shown), "margin": number(margin)}


def rounded_up(n: int) -> int:
    """Return `n` with one digit that counts, or two if it begins with 1."""
    if n < 20:
        return n
    digits = floor(log10(n))
    step = int(10 ** (digits - 1 if n < 2 * 10**digits else digits))
    return -(-n // step) * step
