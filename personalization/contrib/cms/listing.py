"""What a list of recommended items on a page of django CMS shows: to visitors, and to editors."""

from __future__ import annotations

from collections.abc import Iterator

from cms.toolbar.utils import get_toolbar_from_request
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.contrib.cms.models import RecommendedItems
from personalization.delivery.edited_list import EditedList, is_item, item_of_page, render_list


def list_on(instance: RecommendedItems, request: HttpRequest) -> EditedList:
    """Return what the plugin says of its list on the page of a request."""
    return EditedList(
        place=instance.place,
        limit=instance.limit,
        heading=instance.heading,
        item=_item_of(request) if instance.about_page else instance.item,
        mode=instance.mode,
    )


def shown_list(listed: EditedList, request: HttpRequest) -> SafeString:
    """Return the list of the visitor of the page, or one that its editors can judge it by."""
    return render_list(listed, request, looks=_is_looked_at(request))


def hints_for(listed: EditedList, content: str) -> Iterator[str]:
    """Yield what an editor may not expect of the list."""
    if listed.item and not is_item(listed.item):
        text = _("There is no item “%(item)s”: the list is about nothing.")
        yield text % {"item": listed.item}
    if not content:
        yield _("There is nothing to recommend yet, so that visitors see neither list nor heading.")


def _is_looked_at(request: HttpRequest) -> bool:
    """Return whether somebody edits the page, or looks at a draft of it."""
    toolbar = get_toolbar_from_request(request)
    return bool(toolbar.edit_mode_active or toolbar.preview_mode_active)


def _item_of(request: HttpRequest) -> str:
    page = getattr(request, "current_page", None)
    looked_at = _is_looked_at(request)  # then the address is that of the editor
    path = page.get_absolute_url() if looked_at and page is not None else request.path
    return item_of_page([get_toolbar_from_request(request).get_object(), page], path=path or "")
