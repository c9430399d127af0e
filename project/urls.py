"""The demo site: the shop, its admin, and the package under /p/."""

from __future__ import annotations

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("p/", include("personalization.urls")),
    path("favicon.ico", RedirectView.as_view(url=static("shop/mark.svg"))),
    path("", include("project.shop.urls")),
]
