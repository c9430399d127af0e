"""Pages, and something else, with streams of words and of blocks that can differ."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from wagtail import blocks
from wagtail.admin.panels import FieldPanel
from wagtail.fields import StreamField
from wagtail.models import Page, PreviewableMixin
from wagtail.snippets.models import register_snippet

from personalization.contrib.wagtail.blocks import PersonalizedBlock
from personalization.contrib.wagtail.lists import RecommendedItemsBlock
from personalization.contrib.wagtail.page import PersonalizedMixin
from personalization.shortcuts import choose_template

serials = count(1)


class WordsBlock(blocks.CharBlock):
    """Words, with the number of the rendering: who sees one twice sees what was kept."""

    def render_basic(self, value: Any, context: Any = None) -> str:
        return format_html("«{}»<!-- {} -->", value, next(serials))


class OfferBlock(PersonalizedBlock):
    """A block that holds one like it, besides words and lists."""

    def __init__(self, **kwargs: Any) -> None:
        words, listed = ("words", WordsBlock()), ("listed", RecommendedItemsBlock())
        super().__init__([words, listed, ("inner", PersonalizedBlock([words]))], **kwargs)

    class Meta:
        label = "Offer"
        group = "Marketing"
        icon = "pick"


BODY = [
    ("words", WordsBlock()),
    ("personalized", OfferBlock()),
    ("listed", RecommendedItemsBlock()),
]


class ScratchPage(PersonalizedMixin, Page):
    body = StreamField(BODY, blank=True)
    content_panels = [*Page.content_panels, FieldPanel("body")]
    template = "scratch/page.html"


class PlainPage(Page):
    """A page whose previews are those of whoever looks at it, and whose browser fills lists."""

    body = StreamField(BODY, blank=True)
    content_panels = [*Page.content_panels, FieldPanel("body")]
    template = "scratch/filled.html"


class LandingPage(PersonalizedMixin, Page):
    """A page that is another one as a whole, for some."""

    def get_template(self, request: HttpRequest, *args: Any, **kwargs: Any) -> str:
        templates = {"a": "scratch/landing_a.html", "b": "scratch/landing_b.html"}
        return choose_template(request, "landing", templates, default="scratch/landing.html")


@register_snippet
class Banner(PersonalizedMixin, PreviewableMixin, models.Model):
    """What pages have in common, and is edited once."""

    name = models.CharField(max_length=50)
    body = StreamField(BODY, blank=True)
    panels = [FieldPanel("name"), FieldPanel("body")]

    def __str__(self) -> str:
        return self.name

    def get_preview_template(self, request: HttpRequest, mode_name: str) -> str:
        return "scratch/banner.html"
