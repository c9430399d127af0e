"""The same addresses, with pages that Django's cache keeps."""

from __future__ import annotations

from django.urls import include, path, re_path
from django.views.decorators.cache import cache_page
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.urls import serve_pattern
from wagtail.views import serve

urlpatterns = [
    path("p/", include("personalization.urls")),
    path("cms/", include(wagtailadmin_urls)),
    re_path(serve_pattern, cache_page(600)(serve), name="wagtail_serve"),
]
