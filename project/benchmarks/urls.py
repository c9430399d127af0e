"""Addresses that only exist while a benchmark runs."""

from __future__ import annotations

from django.urls import include, path

from project.benchmarks import pages

urlpatterns = [
    path("page/<int:segments>/", pages.page),
    path("page-without/<str:name>/", pages.page_without),
    path("bare/", pages.bare),
    path("copy-body/", pages.copy_body),
    path("copy-rows/", pages.copy_rows),
    path("p/", include("personalization.urls")),
    path("", include("project.shop.urls")),
]
