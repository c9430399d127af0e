"""`[[recommend limit=6]]`: how the content of a variation says that it is a list of items.

It has to be the whole content. What stands in HTML that was written by hand is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from django.utils.translation import gettext as _

from personalization.ml.serving.recommend import MOST

#: How the marker of a list begins.
BEGIN: Final = "[[recommend"
_WHOLE = re.compile(r"\[\[recommend(?=[\s\]])([^\[\]]*)\]\]", re.ASCII)
_WORD = re.compile(r"([a-z]+)=(?:\"([^\"]*)\"|'([^']*)'|([^\s\"']+))", re.ASCII)
_LIMIT = re.compile(r"[0-9]{1,4}", re.ASCII)
_PLACE = re.compile(r"[-a-zA-Z0-9_]{1,50}", re.ASCII)


def is_list(content: str) -> bool:
    """Return whether a content means to be a list."""
    return content.lstrip().startswith(BEGIN)


@lru_cache(maxsize=256)
def read_marker(content: str) -> dict[str, str | int]:
    """Return what the marker says: `limit` and `place`, as far as it does.

    :raises ValueError: in words for who wrote it, if it cannot be read.
    """
    whole = _WHOLE.fullmatch(content.strip())
    if whole is None:
        raise ValueError(
            _("A list is the whole content, as in [[recommend limit=6]]: nothing stands beside it.")
        )
    said: dict[str, str | int] = {}
    left = whole[1]
    for word in _WORD.finditer(whole[1]):
        name, value = word[1], next(filter(None, word.groups()[1:]), "")
        if name in said or name not in _READERS:
            break
        said[name] = _READERS[name](value)
        left = left.replace(word[0], "", 1)
    if left.strip():
        raise ValueError(
            _("“%(words)s” is not understood; a list may say limit=6 and place=home, each once.")
            % {"words": left.strip()[:60]}
        )
    return said


def _read_limit(value: str) -> int:
    if _LIMIT.fullmatch(value) and 1 <= int(value) <= MOST:
        return int(value)
    raise ValueError(
        _("The limit of a list is “%(value)s”; whole numbers from 1 to %(most)s are allowed.")
        % {"value": value[:20], "most": MOST}
    )


def _read_place(value: str) -> str:
    if _PLACE.fullmatch(value):
        return value
    raise ValueError(
        _("The place of a list is “%(value)s”; 1 to 50 letters, digits, - and _ are needed.")
        % {"value": value[:60]}
    )


_READERS: Final[Mapping[str, Callable[[str], str | int]]] = {
    "limit": _read_limit,
    "place": _read_place,
}


def problem_with(content: str) -> str:
    """Return what is wrong with a content that has a marker; empty if nothing is."""
    if BEGIN not in content:
        return ""
    try:
        read_marker(content)
    except ValueError as error:
        return str(error)
    return ""
