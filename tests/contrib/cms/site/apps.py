from __future__ import annotations

from django.apps import AppConfig


class ScratchConfig(AppConfig):
    name = "tests.contrib.cms.site"
    label = "scratch"
    default_auto_field = "django.db.models.BigAutoField"
