"""How clean the events of a source are: what did not fit, and what was set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse

from personalization.admin.read_only import may_view
from personalization.admin.schemas import problem_words, schema_address, with_schemas
from personalization.events.models import Source
from personalization.ingest.models import DeadLetter, SchemaFinding

_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """A finding, as a line of the page of its source."""

    finding: SchemaFinding
    problem: str
    schema: str


def quality(request: HttpRequest, source: Source) -> dict[str, Any]:
    """Return what there is to tell, as far as the user may see it (two queries)."""
    told: dict[str, Any] = {}
    if may_view(request, SchemaFinding):
        findings = with_schemas(SchemaFinding.objects.filter(source=source))
        told["misfits"] = [_misfit(row) for row in findings.order_by("-last_seen")[:_SHOWN]]
        told["all_misfits"] = _list_of("schemafinding", source)
    if may_view(request, DeadLetter):
        waiting = DeadLetter.objects.filter(source=source, status=DeadLetter.Status.WAITING)
        told["aside"] = waiting.values_list("code").annotate(n=Count("pk")).order_by("-n", "code")
        told["all_aside"] = _list_of("deadletter", source)
    return told


def _misfit(row: Any) -> Misfit:
    return Misfit(
        finding=row, problem=problem_words(row.code), schema=schema_address(row.event, row.schema)
    )


def _list_of(model: str, source: Source) -> str:
    page = reverse(f"admin:personalization_{model}_changelist")
    return f"{page}?{urlencode({'source__id__exact': source.pk})}"
