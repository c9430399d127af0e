"""Tests of what needs an optional app run where it is installed, on a site of their own.

`python -m pytest tests/contrib/cms --ds=tests.contrib.cms.settings`, and so for each folder.
"""

from __future__ import annotations

from django.conf import settings

#: Folder → the app without which its tests cannot even be imported.
NEEDED = {
    "cms": "personalization.contrib.cms",
    "wagtail": "personalization.contrib.wagtail",
}

collect_ignore = [folder for folder, app in NEEDED.items() if app not in settings.INSTALLED_APPS]
