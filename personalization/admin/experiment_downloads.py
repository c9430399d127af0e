"""Results of an experiment as files, for whoever goes on working with them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse

from personalization.admin.experiment_overview import result_in
from personalization.admin.links import gone
from personalization.admin.read_only import ModelAdmin, may_view
from personalization.experiments.models import Experiment, Finding
from personalization.experiments.results import Result

View = Callable[..., HttpResponse]
#: A spreadsheet takes what begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def pages(model_admin: ModelAdmin) -> Mapping[str, tuple[str, View]]:
    """Return the files, by the names of their addresses."""
    return {
        "json": ("<int:pk>/results/json/", partial(results, model_admin, form="json")),
        "csv": ("<int:pk>/results/csv/", partial(results, model_admin, form="csv")),
    }


def results(model_admin: ModelAdmin, request: HttpRequest, pk: int, *, form: str) -> HttpResponse:
    """Answer with what is found: problems and metrics as JSON, metrics alone as CSV."""
    if not may_view(request, Experiment):
        raise PermissionDenied
    experiment = Experiment.objects.filter(pk=pk).first()
    if experiment is None:
        return gone(request, Experiment)
    finding = Finding.objects.filter(subject=f"experiment:{experiment.slug}").first()
    result = result_in(finding)
    response: HttpResponse
    if form == "json":
        response = JsonResponse(result.to_json() if result is not None else {})
    else:
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        rows = list(_rows(result)) if result is not None else []
        writer = csv.DictWriter(response, list(rows[0]) if rows else ["metric", "arm"])
        writer.writeheader()
        writer.writerows(rows)
    name = f'attachment; filename="{experiment.slug}.{form}"'
    response.headers["Content-Disposition"] = name
    return response


def _rows(result: Result) -> Iterator[dict[str, Any]]:
    """Yield a row for each arm by each metric; the first arm has nothing beside it."""
    for metric in result.metrics:
        compared = {one.arm: asdict(one) for one in metric.comparisons}
        fields = list(next(iter(compared.values()), {}))
        for arm in metric.arms:
            told = compared.get(arm.arm, dict.fromkeys(fields))
            row = {"metric": metric.metric, "role": metric.role, **asdict(arm), **_flat(told)}
            yield {name: _cell(value) for name, value in {**row, "arm": arm.arm}.items()}


def _flat(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a comparison with its intervals as two columns each."""
    flat: dict[str, Any] = {}
    for name, value in told.items():
        if name == "interval" or name.endswith("_interval") or name == "fixed":
            ends = value or {}
            flat[f"{name}_low"], flat[f"{name}_high"] = ends.get("low"), ends.get("high")
        else:
            flat[name] = value
    return flat


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
