"""Items that can be recommended: what is known of them, where from, and whether they may be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from personalization.admin.popularity import popular_items
from personalization.admin.read_only import BoundedPaginator, ModelAdmin
from personalization.admin.wording import moment_cell
from personalization.ml.feedback import item_events
from personalization.ml.item_words import address_of, kind_of
from personalization.ml.models import Item
from personalization.ml.sources import item_sources
from personalization.ml.training.item_rows import CHUNK, GONE, TOLD_BY_SERVER, attributes_of

#: Categories to filter by, those of the most items.
LISTED = 30


class KindFilter(admin.SimpleListFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _commonest("kind")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class CategoryFilter(admin.SimpleListFilter):
    title = gettext_lazy("category")
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _commonest("category")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        return queryset.filter(category=self.value()) if self.value() else queryset


def _commonest(field: str) -> list[tuple[str, str]]:
    rows = Item.objects.exclude(**{field: ""}).order_by().values_list(field)
    found = rows.annotate(n=Count("pk")).order_by("-n", field)[:LISTED]
    return [(value, f"{value} ({number_format(n, force_grouping=True)})") for value, n in found]


@admin.register(Item)
class ItemAdmin(ModelAdmin):
    change_list_template = "admin/personalization/item/change_list.html"
    list_display = ("name", "key", "kind", "category", "price", "is_active", "updated")
    list_filter = ("is_active", KindFilter, CategoryFilter)
    list_per_page = 50
    search_fields = ("key", "title", "category")
    search_help_text = gettext_lazy("Search by title, key or category")
    sortable_by = ("key", "updated")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    actions = ("put_to_use", "put_out_of_use")
    fieldsets = (
        (None, {"fields": ("is_active", "why", "told_by")}),
        (
            gettext_lazy("What is known"),
            {
                "fields": (
                    "key", "title", "kind", "address", "picture", "category", "labels", "price",
                    "body", "more", "seen", "updated",
                )
            },
        ),
    )  # fmt: skip
    readonly_fields = (
        "why", "told_by", "key", "title", "kind", "address", "picture", "category", "labels",
        "price", "body", "more", "seen", "updated",
    )  # fmt: skip

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Items come from events and from the tables of the site."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        """The next sync would bring an item back, and in use; one out of use stays so."""
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(partial(popular_items, self))
        own = path("popular/", view, name="personalization_item_popular")
        return [own, *super().get_urls()]

    # -- may be recommended, or not ------------------------------------------------------

    @admin.action(
        description=gettext_lazy("Recommend selected items again"), permissions=["change"]
    )
    def put_to_use(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        n = self._set(request, queryset, active=True)
        words = ngettext(
            "%(n)s item may be recommended again.", "%(n)s items may be recommended again.", n
        )
        self.message_user(request, words % {"n": n}, messages.SUCCESS)

    @admin.action(
        description=gettext_lazy("Do not recommend selected items"), permissions=["change"]
    )
    def put_out_of_use(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        n = self._set(request, queryset, active=False)
        words = ngettext(
            "%(n)s item is not recommended any more.",
            "%(n)s items are not recommended any more.",
            n,
        )
        self.message_user(request, words % {"n": n}, messages.SUCCESS)

    def _set(self, request: HttpRequest, queryset: QuerySet[Item], *, active: bool) -> int:
        changed = list(queryset.filter(is_active=not active).order_by("pk"))
        for start in range(0, len(changed), CHUNK):
            numbers = [item.pk for item in changed[start : start + CHUNK]]
            Item.objects.filter(pk__in=numbers).update(is_active=active)
        for item in changed:
            message = [{"changed": {"fields": ["may be recommended"]}}]
            self.log_change(request, item, message)
        return len(changed)

    # -- cells ---------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("item"), ordering="title")
    def name(self, item: Item) -> str:
        return str(item)

    @admin.display(description=gettext_lazy("updated at"), ordering="updated_at")
    def updated(self, item: Item) -> SafeString | str:
        return moment_cell(item.updated_at)

    @admin.display(description=gettext_lazy("first seen"))
    def seen(self, item: Item) -> SafeString | str:
        return moment_cell(item.first_seen)

    @admin.display(description=gettext_lazy("address"))
    def address(self, item: Item) -> SafeString | str:
        return _link(item.url)

    @admin.display(description=gettext_lazy("picture"))
    def picture(self, item: Item) -> SafeString | str:
        """Show where it is; to load it would tell its server who works here."""
        return _link(item.image)

    @admin.display(description=gettext_lazy("tags"))
    def labels(self, item: Item) -> str:
        return _listed(item.tags)

    @admin.display(description=gettext_lazy("text"))
    def body(self, item: Item) -> str:
        return item.text or "–"

    @admin.display(description=gettext_lazy("more"))
    def more(self, item: Item) -> str:
        return _listed([f"{name}: {value}" for name, value in attributes_of(item).items()])

    @admin.display(description=gettext_lazy("why not"))
    def why(self, item: Item) -> str:
        if item.is_active:
            return "–"
        if GONE in item.attributes:
            return _("The table that it is from has it no more.")
        return _("Somebody has put it out of use.")

    @admin.display(description=gettext_lazy("known from"))
    def told_by(self, item: Item) -> str:
        """Say which table or which events tell of the item."""
        source = item_sources.get(item.kind)
        if source is not None:
            return _("The table %(table)s, registered by the site.") % {
                "table": source.model._meta.label
            }
        events = sorted(name for name in item_events().names if kind_of(name) == item.kind)
        words = _("Events: %(events)s.") % {"events": _listed(events)}
        if TOLD_BY_SERVER in item.attributes:
            return words + " " + _("A server has told of it, so that no browser changes it.")
        return words


def _link(address: str) -> SafeString | str:
    if not address_of(address):
        return address or "–"
    return format_html('<a href="{}" rel="noreferrer">{}</a>', address, address)


def _listed(texts: Sequence[Any]) -> str:
    return ", ".join(map(str, texts)) or "–" if isinstance(texts, list) else str(texts)
