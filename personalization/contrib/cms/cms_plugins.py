"""The plugins: a block that can differ, what stands in it for some and for everyone else, and a
list of recommended items."""

from __future__ import annotations

from typing import Any

from cms.api import add_plugin
from cms.constants import EXPIRE_NOW
from cms.plugin_base import CMSPluginBase
from cms.plugin_pool import plugin_pool
from cms.toolbar.utils import get_toolbar_from_request
from django.http import HttpRequest
from django.template import Context
from django.utils.translation import gettext_lazy as _

from personalization.contrib.cms.caching import may_keep, vary_on
from personalization.contrib.cms.editing import label, warnings_of
from personalization.contrib.cms.forms import BlockForm, VariantForm
from personalization.contrib.cms.listing import hints_for, list_on, shown_list
from personalization.contrib.cms.models import (
    Default,
    PersonalizedBlock,
    RecommendedItems,
    Variant,
)
from personalization.contrib.cms.showing import block_of, shown

BLOCK, VARIANT, DEFAULT, LIST = (
    "PersonalizedBlockPlugin",
    "PersonalizedVariantPlugin",
    "PersonalizedDefaultPlugin",
    "RecommendedItemsPlugin",
)


class _Plugin(CMSPluginBase):
    module = _("Personalization")
    allow_children = True
    is_local = False  # a change of one has the editor load the page anew: each shows others


class _Asking(_Plugin):
    """What may depend on who looks at it."""

    def get_vary_cache_on(self, request: HttpRequest, instance: Any, placeholder: Any) -> list[str]:
        return vary_on(request)

    def get_cache_expiration(
        self, request: HttpRequest, instance: Any, placeholder: Any
    ) -> int | None:
        return None if may_keep(request) else EXPIRE_NOW


@plugin_pool.register_plugin
class PersonalizedBlockPlugin(_Asking):
    model = PersonalizedBlock
    form = BlockForm
    name = _("Personalized block")
    render_template = "personalization/cms/block.html"
    child_classes = (VARIANT, DEFAULT)

    def render(self, context: Context, instance: PersonalizedBlock, placeholder: str) -> Context:
        context = super().render(context, instance, placeholder)
        block = block_of(instance)
        request: HttpRequest = context["request"]
        context["is_edited"] = get_toolbar_from_request(request).edit_mode_active
        if context["is_edited"]:
            label(block)
            context["warnings"] = warnings_of(block, request=request)
        else:
            context["content"] = shown(block, context)
        return context

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A new block comes with a place for what everyone else sees."""
        super().save_model(request, obj, form, change)
        if not change:
            add_plugin(obj.placeholder, DEFAULT, obj.language, target=obj)


class _Content(_Plugin):
    """What holds any plugins inside of a block."""

    render_template = "personalization/cms/content.html"
    require_parent = True
    parent_classes = (BLOCK,)


@plugin_pool.register_plugin
class PersonalizedVariantPlugin(_Content):
    model = Variant
    form = VariantForm
    name = _("Variant for segments")

    def render(self, context: Context, instance: Variant, placeholder: str) -> Context:
        context = super().render(context, instance, placeholder)
        context["is_nowhere"] = instance.parent_id is None  # then nobody decides who sees it
        return context


@plugin_pool.register_plugin
class PersonalizedDefaultPlugin(_Content):
    model = Default
    name = _("Everyone else")


@plugin_pool.register_plugin
class RecommendedItemsPlugin(_Asking):
    model = RecommendedItems
    name = _("Recommended items")
    render_template = "personalization/cms/list.html"
    allow_children = False
    fields = ("place", "limit", "heading", "about_page", "item", "mode")

    def render(self, context: Context, instance: RecommendedItems, placeholder: str) -> Context:
        context = super().render(context, instance, placeholder)
        request: HttpRequest = context["request"]
        context["is_edited"] = get_toolbar_from_request(request).edit_mode_active
        listed = list_on(instance, request)
        context["content"] = shown_list(listed, request)
        if context["is_edited"]:
            context["hints"] = hints_for(listed, context["content"])
        return context
