"""The addresses of the rights, each also with a slash."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from personalization.rights import api, views


def rights_urls() -> list[URLPattern]:
    """Return the patterns of the pages and of the API."""
    receipt = r"^privacy/receipt/(?P<uid>[^/]+)"
    return [
        re_path(r"^privacy/?$", views.privacy, name="privacy"),
        re_path(r"^privacy/download/?$", views.download, name="privacy-download"),
        re_path(r"^privacy/correct/?$", views.correction, name="privacy-correct"),
        re_path(r"^privacy/erase/?$", views.erasure, name="privacy-erase"),
        re_path(r"^privacy/confirm/?$", views.confirmation, name="privacy-confirm"),
        # The file first: to the other one it is a strange number.
        re_path(receipt + r"\.json/?$", views.receipt_download, name="privacy-receipt-file"),
        re_path(receipt + r"/?$", views.receipt, name="privacy-receipt"),
        re_path(r"^v1/me/?$", api.me, name="api-me"),
        re_path(r"^v1/me/export/?$", api.export, name="api-me-export"),
        re_path(r"^v1/me/traits/?$", api.traits, name="api-me-traits"),
        re_path(r"^v1/me/erasures/(?P<uid>[^/]+)/?$", api.erasure, name="api-me-erasure"),
    ]
