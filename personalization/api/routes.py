"""The addresses of the API, each also with a slash."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from personalization.api.experiments import (
    Earnings,
    ExperimentDetail,
    ExperimentList,
    ExperimentResults,
)
from personalization.api.reports import ReportDetail, ReportList
from personalization.api.segments import (
    Memberships,
    SegmentDetail,
    SegmentList,
    SegmentMembers,
)


def api_urls() -> list[URLPattern]:
    """Return the patterns of the API."""
    segment = r"^v1/segments/(?P<slug>[^/]+)"
    experiment = r"^v1/experiments/(?P<slug>[^/]+)"
    return [
        re_path(r"^v1/segments/?$", SegmentList.as_view(), name="api-segments"),
        re_path(segment + r"/?$", SegmentDetail.as_view(), name="api-segment"),
        re_path(segment + r"/members/?$", SegmentMembers.as_view(), name="api-members"),
        re_path(r"^v1/memberships/?$", Memberships.as_view(), name="api-memberships"),
        re_path(r"^v1/reports/?$", ReportList.as_view(), name="api-reports"),
        re_path(r"^v1/reports/(?P<uid>[^/]+)/?$", ReportDetail.as_view(), name="api-report"),
        re_path(r"^v1/experiments/?$", ExperimentList.as_view(), name="api-experiments"),
        re_path(experiment + r"/?$", ExperimentDetail.as_view(), name="api-experiment"),
        re_path(experiment + r"/results/?$", ExperimentResults.as_view(), name="api-results"),
        re_path(
            experiment + r"/results\.csv/?$",
            ExperimentResults.as_view(),
            {"form": "csv"},
            name="api-results-csv",
        ),
        re_path(r"^v1/earnings/?$", Earnings.as_view(), name="api-earnings"),
        re_path(
            r"^v1/earnings\.csv/?$", Earnings.as_view(), {"form": "csv"}, name="api-earnings-csv"
        ),
    ]
