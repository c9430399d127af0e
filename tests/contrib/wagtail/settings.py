"""Settings of a small site with Wagtail: those of the test suite, and what it needs."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE, TEMPLATES

ROOT_URLCONF = "tests.contrib.wagtail.site.urls"
WAGTAIL_SITE_NAME = "Scratch"
WAGTAILADMIN_BASE_URL = "http://testserver"
MEDIA_ROOT = tempfile.gettempdir()  # no test uploads anything
WAGTAIL_AUTOSAVE_INTERVAL = 0  # what a test sends is all that is stored
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # the editor of a page is one form

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "wagtail.users",
    "wagtail.images",
    "wagtail.documents",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    *(["wagtailcache"] if find_spec("wagtailcache") else []),  # none is made for Wagtail 8 yet
    "wagtail.snippets",
    "modelcluster",
    "taggit",
    "personalization.contrib.wagtail",
    "tests.contrib.wagtail.site",
]
MIDDLEWARE = [*MIDDLEWARE]
TEMPLATES: list[dict[str, Any]] = [  # type: ignore[no-redef]
    {**TEMPLATES[0], "DIRS": [Path(__file__).parent / "site/templates"]}
]
