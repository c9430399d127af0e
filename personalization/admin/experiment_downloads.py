"""Results of an experiment as files, for whoever goes on working with them: as the API has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse

from personalization.admin.links import gone
from personalization.admin.read_only import ModelAdmin, may_view
from personalization.experiments.models import Experiment, Finding
from personalization.experiments.told import csv_of, result_in, told

View = Callable[..., HttpResponse]


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
    response: HttpResponse
    if form == "json":
        response = JsonResponse(told(finding))
    else:
        result = result_in(finding)
        text = csv_of([] if result is None else [result])
        response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    name = f'attachment; filename="{experiment.slug}.{form}"'
    response.headers["Content-Disposition"] = name
    return response
