"""Include as `path("p/", include("personalization.urls"))`; the prefix is the site's choice.

Every address also answers with a slash: a redirect would turn a POST into a GET.
"""

from __future__ import annotations

from django.urls import re_path

from personalization.api.routes import api_urls
from personalization.delivery.decide_views import decide, slot
from personalization.delivery.edge_views import key
from personalization.delivery.recommend_views import recommend
from personalization.ingest.audience_view import audience
from personalization.ingest.manifest import manifest_view
from personalization.ingest.routes import protocol_urls
from personalization.logins import consent, presume
from personalization.rights.routes import rights_urls

app_name = "personalization"

urlpatterns = [
    *protocol_urls(),
    *api_urls(),
    re_path(r"^v1/decide/?$", decide, name="decide"),
    re_path(r"^v1/slots/(?P<slug>[^/]+)/?$", slot, name="slot"),
    re_path(r"^v1/recommend/?$", recommend, name="recommend"),
    re_path(r"^v1/key/?$", key, name="page-key"),
    re_path(r"^v1/manifest/?$", manifest_view, name="manifest"),
    re_path(r"^v1/audience/?$", audience, name="audience"),
    re_path(r"^consent/?$", consent, name="consent"),
    *rights_urls(),
    re_path(r"^consent/presume/?$", presume, name="consent-presume"),
]
