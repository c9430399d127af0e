"""Experiments and what came of them, and what personalization earns, for the site's own systems.

Only what was found before is told: nothing is computed for a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from personalization.api.pages import read_page
from personalization.api.views import ApiView
from personalization.exceptions import NotThere, RequestRejected
from personalization.experiments.models import Experiment, Finding
from personalization.experiments.results import Result
from personalization.experiments.told import csv_of, result_in, told
from personalization.types import JsonObject

_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,50}", re.ASCII)
_JSON, _CSV = "json", "csv"
#: What earnings are of, as findings call it, by the name of its list in the answer.
_GROUPS = {"slots": "slot:", "segments": "segment:", "contents": "holdout:"}
_EVERYTHING, _PROPOSALS = "global", "proposals"


class ExperimentList(ApiView):
    """Every experiment, the oldest first."""

    def get(self, request: Request) -> Response:
        page = read_page(request.query_params)
        rows = _experiments().filter(pk__gt=page.after).order_by("pk")
        found, following = page.cut(list(rows[: page.wanted]), lambda row: row.pk)
        return Response({"experiments": [_told(row) for row in found], "next": following})


class ExperimentDetail(ApiView):
    """One experiment."""

    def get(self, request: Request, slug: str) -> Response:
        return Response(_told(_experiment(slug)))


class ExperimentResults(ApiView):
    """What came of an experiment, as far as it was found."""

    def get(self, request: Request, slug: str, form: str = "") -> Any:
        wanted = _form(request, form)
        subject = f"experiment:{_experiment(slug).slug}"
        finding = Finding.objects.filter(subject=subject).first()
        if wanted == _JSON:
            return Response(told(finding))
        result = result_in(finding)
        return _csv([result] if result else [], name=slug)


class Earnings(ApiView):
    """What contents, slots, segments and all of them earn, and what is proposed."""

    def get(self, request: Request, form: str = "") -> Any:
        wanted = _form(request, form)
        of_some = Q(subject__in=(_EVERYTHING, _PROPOSALS))
        for prefix in _GROUPS.values():
            of_some |= Q(subject__startswith=prefix)
        found = {row.subject: row for row in Finding.objects.filter(of_some).order_by("subject")}
        proposed = found.pop(_PROPOSALS, None)
        if wanted == _CSV:
            results = [result for row in found.values() if (result := result_in(row)) is not None]
            return _csv(results, name="earnings")
        return Response(
            {
                "global": told(found.get(_EVERYTHING)),
                **{
                    name: [
                        {"subject": subject, **told(row)}
                        for subject, row in found.items()
                        if subject.startswith(prefix)
                    ]
                    for name, prefix in _GROUPS.items()
                },
                "proposals": proposed.content.get("proposals", []) if proposed else [],
            }
        )


def _experiments() -> Any:
    return Experiment.objects.select_related("audience").prefetch_related(
        "arms", "measures__metric"
    )


def _experiment(slug: str) -> Experiment:
    found: Experiment | None = (
        _experiments().filter(slug=slug).first() if _SLUG.fullmatch(slug) else None
    )
    if found is None:
        raise NotThere(f"There is no experiment {slug!r:.60}.", code="unknown_experiment")
    return found


def _form(request: Request, form: str) -> str:
    """Return the form that is asked for: that of the address, or else of `format`.

    :raises RequestRejected: for one that there is not.
    """
    form = form or request.query_params.get("format") or _JSON
    if form not in (_JSON, _CSV):
        raise RequestRejected(
            f"format is {form[:20]!r}. Allowed: {_JSON}, {_CSV}.", code="unknown_format"
        )
    return form


def _csv(results: Iterable[Result], *, name: str) -> HttpResponse:
    response = HttpResponse(csv_of(results), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _told(row: Experiment) -> JsonObject:
    audience: Any = row.audience
    return {
        "slug": row.slug,
        "name": row.name,
        "hypothesis": row.hypothesis,
        "kind": row.kind,
        "place": row.place,
        "audience": audience.slug if audience else None,
        "coverage": row.coverage,
        "allocation": row.allocation,
        "status": row.status,
        "startedAt": row.started_at.isoformat() if row.started_at else None,
        "endsAt": row.ends_at.isoformat() if row.ends_at else None,
        "stoppedAt": row.stopped_at.isoformat() if row.stopped_at else None,
        "conclusion": row.conclusion,
        "arms": [
            {"key": arm.key, "name": arm.name, "weight": arm.weight, "content": arm.content}
            for arm in row.arms.all()
        ],
        "measures": [
            {"metric": one.metric.slug, "kind": one.metric.kind, "role": one.role}
            for one in row.measures.all()
        ],
    }
