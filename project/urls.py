"""The demo site: the shop, its admin, and the package under /p/."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("p/", include("personalization.urls")),
    path("", include("project.shop.urls")),
]
