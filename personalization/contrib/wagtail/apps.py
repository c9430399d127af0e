"""What Django needs to know of the block for Wagtail."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class WagtailConfig(AppConfig):
    name = "personalization.contrib.wagtail"
    label = "personalization_wagtail"
    verbose_name = _("Personalization in Wagtail")

    def ready(self) -> None:
        # It registers where segments are used, and models of the site are there only now.
        from personalization.contrib.wagtail import on_page  # noqa: F401

        if apps.is_installed("wagtailcache"):
            from personalization.contrib.wagtail.wagtail_cache import guard_wagtail_cache

            guard_wagtail_cache()
