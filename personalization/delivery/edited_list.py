"""Lists of recommended items that editors put on the pages of a CMS, made as the tag makes them.

Around a list stands its heading, which is not there without it. Who edits or previews a page
sees what is popular, or the list of whom they pretend to be; nothing of that counts as shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template import loader
from django.utils import timezone
from django.utils.encoding import escape_uri_path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.delivery.attempt import attempt
from personalization.delivery.block import is_inert
from personalization.delivery.recommendations import INLINE, List, Wanted, list_in, wanted_of
from personalization.delivery.render import DEFERRED, note_failure, usual_mode
from personalization.delivery.visitor import visitor_of
from personalization.ml.serving.shelf import shelf
from personalization.ml.sources import key_of_row

#: What stands around a list: at one place, where the site has such a template, and at any.
TEMPLATE: Final = "personalization/recommended.html"
TEMPLATE_OF_PLACE: Final = "personalization/recommended/{}.html"

#: A place that any list could have, to ask about the rest of what is said of one.
_SOME: Final = "place"


@dataclass(frozen=True, kw_only=True)
class EditedList:
    """What editors say of a list: what the tag says of it, and its heading. An empty `mode` is
    that of the site. While they are not done, anything may be missing."""

    place: str | None
    limit: int | None
    heading: str = ""
    item: str = ""
    mode: str = ""

    @property
    def is_done(self) -> bool:
        return bool(self.place) and self.limit is not None


def render_list(edited: EditedList, request: HttpRequest | None, *, looks: bool) -> SafeString:
    """Return the list with its heading; empty where it is, and where anything fails.

    With `looks`, somebody who makes the page looks at it.
    """
    if not edited.is_done:
        return SafeString("")
    place = str(edited.place)
    return attempt(
        lambda: _rendered(edited, request, looks=looks),
        otherwise=SafeString(""),
        what=f"Recommendations {place}",
        failed=lambda error: note_failure(request, place, error),
    )


def _rendered(edited: EditedList, request: HttpRequest | None, *, looks: bool) -> SafeString:
    mode = INLINE if looks else DEFERRED if is_inert() else edited.mode or usual_mode(request)
    wanted = wanted_of(edited.place, n=edited.limit, item=edited.item, mode=mode)
    items = _looked_at(request, wanted) if looks else list_in(request, wanted)
    content = items.__html__()
    if not content:
        return content
    names = [TEMPLATE_OF_PLACE.format(wanted.place), TEMPLATE]
    around = {"heading": edited.heading, "items": items, "content": content}
    return loader.render_to_string(names, {**around, "is_empty": not items.found})


def _looked_at(request: HttpRequest | None, wanted: Wanted) -> List:
    """Return the list of whom staff pretend to be, or else of everybody; it does not count."""
    visitor = visitor_of(request)
    pretends = visitor is not None and visitor.preview is not None
    return list_in(request if pretends else None, wanted, expose=False)


def item_of_page(things: Iterable[object], *, path: str) -> str:
    """Return the key of the item that a page is, empty if it is none: that of the first of
    `things` which a registered table has, or else the path, where pages are items by their paths.
    """
    for thing in things:
        if key := key_of_row(thing):
            return key
    escaped = escape_uri_path(path)  # as browsers tell it
    return escaped if is_item(escaped) else ""


def is_item(key: str) -> bool:
    """Return whether there is such an item to recommend."""
    return key in shelf(now=timezone.now()).items


# -- what editors may say ---------------------------------------------------------------


def valid_place(value: Any) -> None:
    """Refuse what the tag would, in its words."""
    _refuse(place=value)


def valid_limit(value: Any) -> None:
    """Refuse what the tag would, in its words."""
    _refuse(n=value)


def valid_item(value: Any) -> None:
    """Refuse what the tag would, in its words."""
    _refuse(item=value)


def _refuse(**said: Any) -> None:
    try:
        wanted_of(**{"place": _SOME, **said})
    except ValueError as error:
        raise ValidationError(str(error)) from None


def refuse_two_items(item: str, *, is_about_page: bool) -> None:
    """Refuse that a list is about the page and about another item, too.

    :raises ValidationError: naming the item.
    """
    if item and is_about_page:
        text = _("The list is about “%(item)s” and about this page; only one of them is allowed.")
        raise ValidationError(text, params={"item": item})
