"""Settings of a small site with django CMS: those of the test suite, and what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE, TEMPLATES

ROOT_URLCONF = "tests.contrib.cms.site.urls"
SITE_ID = 1
LANGUAGES = [("en", _("English")), ("de", _("German"))]
CMS_CONFIRM_VERSION4 = True
CMS_TEMPLATES = [
    ("scratch/page.html", _("Page")),
    ("scratch/filled.html", _("Page that its browser fills")),
    ("scratch/tagged.html", _("Page with a tag of its own")),
]
X_FRAME_OPTIONS = "SAMEORIGIN"

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.sites",
    "cms",
    "menus",
    "treebeard",
    "sekizai",
    "personalization.contrib.cms",
    "tests.contrib.cms.site",
]
MIDDLEWARE = [
    *MIDDLEWARE,
    "django.middleware.locale.LocaleMiddleware",
    "cms.middleware.user.CurrentUserMiddleware",
    "cms.middleware.page.CurrentPageMiddleware",
    "cms.middleware.toolbar.ToolbarMiddleware",
]
_processors: list[str] = [
    *TEMPLATES[0]["OPTIONS"]["context_processors"],  # type: ignore[index]
    "django.template.context_processors.i18n",
    "sekizai.context_processors.sekizai",
    "cms.context_processors.cms_settings",
]
TEMPLATES: list[dict[str, Any]] = [  # type: ignore[no-redef]
    {
        **TEMPLATES[0],
        "DIRS": [Path(__file__).parent / "site/templates"],
        "OPTIONS": {"context_processors": _processors},
    }
]
