"""Published reports, for the site's own systems: what was told already costs nothing more."""

from __future__ import annotations

import uuid

from rest_framework.request import Request
from rest_framework.response import Response

from personalization.api.pages import read_page
from personalization.api.views import ApiView
from personalization.exceptions import NotThere
from personalization.reports.models import Report
from personalization.types import JsonObject


class ReportList(ApiView):
    """Every report, the oldest first."""

    def get(self, request: Request) -> Response:
        page = read_page(request.query_params)
        found = list(Report.objects.filter(pk__gt=page.after).order_by("pk")[: page.wanted])
        reports, following = page.cut(found, lambda report: report.pk)
        return Response({"reports": [_told(report) for report in reports], "next": following})


class ReportDetail(ApiView):
    """One report."""

    def get(self, request: Request, uid: str) -> Response:
        report = Report.objects.filter(uid=number).first() if (number := _number(uid)) else None
        if report is None:
            raise NotThere(f"There is no report {uid!r:.60}.", code="unknown_report")
        return Response(_told(report))


def _number(uid: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(uid)
    except ValueError:
        return None


def _told(report: Report) -> JsonObject:
    return {
        "uid": str(report.uid),
        "kind": report.kind,
        "title": report.title,
        "definition": report.definition,
        "epsilon": report.epsilon,
        "threshold": report.threshold,
        "publishedAt": report.published_at.isoformat(),
        "counts": report.rows,
    }
