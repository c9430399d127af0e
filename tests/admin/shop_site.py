"""A shop with its admin: a page that differs for a segment, and where the segment is made."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from tests.cart_site import urlpatterns as of_the_shop

urlpatterns = [path("admin/", admin.site.urls), *of_the_shop]
