from __future__ import annotations

from django.apps import AppConfig

# Imported so that the web process sends its hints to the broker of the settings.
from project.celery import app as celery_app

__all__ = ["ShopConfig", "celery_app"]


class ShopConfig(AppConfig):
    name = "project.shop"
    label = "shop"
    verbose_name = "Shop"
