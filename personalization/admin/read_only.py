"""What the admin pages share: typed bases, records nobody edits, counts that stay cheap."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest

from personalization.admin.audited import Audited

if TYPE_CHECKING:  # generic for the type checker only
    StackedInline = admin.StackedInline[Any, Any]
    AnyPaginator = Paginator[Any]
else:
    StackedInline = admin.StackedInline
    AnyPaginator = Paginator

#: What all pages of ours are made of.
ModelAdmin = Audited

#: A list of more is not counted to its end: nobody pages through it, and counting
#: the rows of an event table can take longer than everything else on the page.
COUNTED = 10_000


class BoundedPaginator(AnyPaginator):
    """Counts up to `COUNTED` rows and offers no page beyond them."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED].count())


class ReadOnlyAdmin(ModelAdmin):
    """Shows what was recorded; it is changed by events and answers, not by hand."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def may(request: HttpRequest, action: str, model: type[Model]) -> bool:
    """Return whether the user has Django's permission for `action` on `model`."""
    name = f"{model._meta.app_label}.{action}_{model._meta.model_name}"
    return bool(request.user.has_perm(name))


def may_view(request: HttpRequest, model: type[Model]) -> bool:
    """Return whether the user may see `model`: who may change it may see it, as in Django."""
    return may(request, "view", model) or may(request, "change", model)
