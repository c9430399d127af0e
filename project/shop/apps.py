from __future__ import annotations

from django.apps import AppConfig

from personalization.ml.sources import register

# Imported so that the web process sends its hints to the broker of the settings.
from project.celery import app as celery_app

__all__ = ["ShopConfig", "celery_app"]


class ShopConfig(AppConfig):
    name = "project.shop"
    label = "shop"
    verbose_name = "Shop"

    def ready(self) -> None:
        from project.shop.models import Article, Product

        register(
            Product, key="slug", title="name", category="category.slug", text="description",
            price="price",
        )  # fmt: skip
        register(Article, key="slug", title="title", category="topic", text="body")
