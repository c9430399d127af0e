"""What Django needs to know of the plugins for django CMS."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CmsConfig(AppConfig):
    name = "personalization.contrib.cms"
    label = "personalization_cms"
    verbose_name = _("Personalization in django CMS")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # What they are about belongs to an app, so they cannot be imported any sooner.
        from personalization.contrib.cms import on_page  # noqa: F401  # registers what it holds
        from personalization.contrib.cms.caching import guard_caches

        guard_caches()
