"""Include as `path("p/", include("personalization.urls"))`; the prefix is the site's choice.

Every address also answers with a slash: a redirect would turn a POST into a GET.
"""

from __future__ import annotations

from django.urls import re_path

from personalization.ingest.protocols.segment import TYPES
from personalization.ingest.views import IngestView
from personalization.privacy.views import consent

app_name = "personalization"

urlpatterns = [
    re_path(r"^v1/batch/?$", IngestView.as_view(), name="ingest-batch"),
    re_path(r"^v1/import/?$", IngestView.as_view(), name="ingest-import"),
    *(
        re_path(rf"^v1/{kind}/?$", IngestView.as_view(kind=kind), name=f"ingest-{kind}")
        for kind in TYPES
    ),
    re_path(r"^consent/?$", consent, name="consent"),
]
