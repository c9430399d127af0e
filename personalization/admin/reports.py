"""Reports: publish one, see what was published, and what is left of the privacy budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from personalization.admin.bounded import bounded
from personalization.admin.data_map import data_map
from personalization.admin.read_only import ReadOnlyAdmin
from personalization.admin.report_form import ReportForm
from personalization.admin.wording import instant_words, moment_cell
from personalization.conf import settings
from personalization.reports.budget import Budget, BudgetRefused, budget_at, shown
from personalization.reports.data_map import span_words
from personalization.reports.definitions import DefinitionRejected
from personalization.reports.models import Report
from personalization.reports.noise import NoNoise, can_add_noise
from personalization.reports.publish import publish

View = Callable[..., HttpResponse]
#: Milliseconds that counting may take while somebody waits.
_PATIENCE = 20_000
_PUBLISH = "admin/personalization/report/publish.html"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A count as it is shown: between `low` and `high`, in 19 cases of 20."""

    name: str
    count: str
    low: str
    high: str
    error: str
    #: Of the largest of the report, from 0 to 100.
    share: int


@dataclass(frozen=True, kw_only=True)
class Meter:
    """What is left of the budget, in words; `spent` is what a bar of `limit` shows."""

    limit: float
    spent: float
    words: str
    period: str
    is_exhausted: bool
    more_at: str


def meter_of(budget: Budget) -> Meter:
    return Meter(
        limit=budget.limit,
        spent=min(budget.spent, budget.limit),
        words=_("%(left)s of %(limit)s left")
        % {"left": shown(budget.left), "limit": shown(budget.limit)},
        period=span_words(settings.REPORT_PERIOD),
        is_exhausted=budget.is_exhausted,
        more_at=instant_words(budget.next_at) if budget.next_at else "",
    )


def lines_of(report: Report) -> Sequence[Line]:
    """Return the counts; those of too few are dashes."""
    largest = max((row["count"] or 0 for row in report.rows), default=0)
    return [
        Line(
            name=row["name"],
            count="" if row["count"] is None else _number(row["count"]),
            low="" if row["count"] is None else _number(max(0, row["count"] - row["error"])),
            high="" if row["count"] is None else _number(row["count"] + row["error"]),
            error=_number(row["error"]),
            share=round(100 * row["count"] / largest) if row["count"] and largest else 0,
        )
        for row in report.rows
    ]


def _number(n: int) -> str:
    return number_format(n, force_grouping=True)


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    change_list_template = "admin/personalization/report/change_list.html"
    change_form_template = "admin/personalization/report/change_form.html"
    list_display = ("title", "kind", "published", "cost", "published_by")
    list_filter = ("kind", "published_at")
    list_select_related = ("published_by",)
    search_fields = ("title",)
    ordering = ("-published_at", "-pk")
    sortable_by = ()
    fields = ("title", "kind", "published_at", "published_by", "cost", "threshold", "uid")
    readonly_fields = ("cost",)

    class Media:
        css = {
            "all": (
                "personalization/admin/personalization.css",
                "personalization/admin/reports.css",
            )
        }

    @admin.display(description=gettext_lazy("published"))
    def published(self, report: Report) -> str:
        return moment_cell(report.published_at)

    @admin.display(description=gettext_lazy("privacy spent (ε)"))
    def cost(self, report: Report) -> str:
        return shown(report.epsilon)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "meter": meter_of(budget_at(timezone.now())),
            "may_publish": may_publish(request),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (report := kwargs.get("obj")) is not None:
            context["lines"] = lines_of(report)
            context["funnel"] = report.kind == Report.Kind.FUNNEL
            context["delta"] = report.definition.get("delta")
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, tuple[str, View]] = {
            "publish": ("publish", publish_view),
            "data_map": ("data-map", data_map),
        }
        own = [
            path(
                f"{route}/",
                self.admin_site.admin_view(partial(view, admin=self)),
                name=f"personalization_report_{name}",
            )
            for name, (route, view) in pages.items()
        ]
        return [*own, *super().get_urls()]


def may_publish(request: HttpRequest) -> bool:
    """Return whether the user may spend the privacy budget."""
    return request.user.has_perm("personalization.publish_report")


@require_http_methods(["GET", "HEAD", "POST"])
def publish_view(request: HttpRequest, *, admin: ReportAdmin) -> HttpResponse:
    """Show the form; publish what is posted."""
    if not may_publish(request):
        raise PermissionDenied
    budget = budget_at(timezone.now())
    form = ReportForm(request.POST if request.method == "POST" else None, budget=budget)
    if form.is_bound and form.is_valid():
        report = _published(request, form)
        if report is not None:
            messages.success(request, _("“%(title)s” was published.") % {"title": report.title})
            return HttpResponseRedirect(_address(request, admin, report))
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Publish a report"),
        "opts": admin.opts,
        "media": admin.media,
        "form": form,
        "meter": meter_of(budget),
        "threshold": settings.REPORT_THRESHOLD,
        "can_add_noise": can_add_noise(),
    }
    request.current_app = admin.admin_site.name
    return TemplateResponse(request, _PUBLISH, context)


def _published(request: HttpRequest, form: ReportForm) -> Report | None:
    """Publish what a valid form says; None, with an error in the form, if it cannot be."""
    data = form.cleaned_data
    try:
        with bounded(_PATIENCE):
            return publish(
                data["definition"],
                title=data["title"],
                epsilon=data["epsilon"],
                by=request.user,
                now=timezone.now(),
            )
    except BudgetRefused as error:  # somebody else was faster
        form.add_error("epsilon", str(error))
    except (DefinitionRejected, NoNoise) as error:
        form.add_error(None, str(error))
    except OperationalError:
        form.add_error(None, _("Counting took too long. Nothing was published or spent."))
    return None


def _address(request: HttpRequest, admin: ReportAdmin, report: Report) -> str:
    """Return where the report is shown; who may only publish sees that it is done."""
    name = admin.admin_site.name
    if not admin.has_view_permission(request, report):
        return reverse("admin:index", current_app=name)
    return reverse("admin:personalization_report_change", args=(report.pk,), current_app=name)
