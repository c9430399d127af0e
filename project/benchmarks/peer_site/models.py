"""The page of the peer's site: 20 blocks, each shown to one segment where there are some."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.apps import apps
from django.db import models
from django.http import HttpRequest
from django.template import engines
from django.urls import reverse
from wagtail import blocks
from wagtail.fields import StreamField
from wagtail.models import Page

from project.benchmarks.content import TITLE, page_around

if apps.is_installed("wagtail_personalisation"):
    from wagtail_personalisation.blocks import PersonalisedStructBlock as Struct
else:
    from wagtail.blocks import StructBlock as Struct

_BLOCKS = "{% for block in page.body %}{% include_block block %}\n{% endfor %}"


class Slot(Struct):
    text = blocks.RawHTMLBlock()

    class Meta:
        template = "peer_site/slot.html"


class Category(models.Model):
    name = models.CharField(max_length=100)

    objects: models.Manager[Category] = models.Manager()

    class Meta:
        app_label = "peer_site"

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    category = models.ForeignKey(Category, models.CASCADE)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    was_price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    position = models.PositiveSmallIntegerField()

    objects: models.Manager[Product] = models.Manager()

    class Meta:
        app_label = "peer_site"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.slug])


class SlotsPage(Page):
    body = StreamField([("slot", Slot())])

    class Meta:
        app_label = "peer_site"

    def get_context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        products = Product.objects.select_related("category").order_by("position")
        context = super().get_context(request, *args, **kwargs)
        return {**context, "title": TITLE, "products": products}

    def get_template(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _template()


@cache
def _template() -> Any:
    return engines["django"].from_string(page_around(_BLOCKS, load="wagtailcore_tags"))
