"""Include as `path("p/", include("personalization.urls"))`; the prefix is the site's choice.

Every address also answers with a slash: a redirect would turn a POST into a GET.
"""

from __future__ import annotations

from django.urls import re_path

from personalization.ingest.routes import protocol_urls
from personalization.logins import consent

app_name = "personalization"

urlpatterns = [
    *protocol_urls(),
    re_path(r"^consent/?$", consent, name="consent"),
]
