"""Webhooks: who is told of entries and departures, and what became of each telling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from personalization.admin.links import gone
from personalization.admin.read_only import ModelAdmin, ReadOnlyAdmin, may
from personalization.admin.wording import moment_cell
from personalization.exceptions import OutboundRefused
from personalization.outbound import read_url
from personalization.segments.deliveries import ping, retry
from personalization.segments.models import Segment, Webhook, WebhookDelivery
from personalization.segments.signature import new_secret

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[Webhook]
else:
    ModelForm = forms.ModelForm

_PAGES = "admin/personalization/webhook"
#: Deliveries on the page of a webhook.
LISTED = 10
_COLOURS = {
    WebhookDelivery.Status.WAITING: "pending",
    WebhookDelivery.Status.DELIVERED: "fresh",
    WebhookDelivery.Status.FAILED: "broken",
}


class WebhookForm(ModelForm):
    class Meta:
        model = Webhook
        fields = ("name", "url", "purpose", "segment", "entered", "left", "active")
        field_classes = {"url": forms.CharField}
        widgets = {"url": forms.URLInput(attrs={"class": "vURLField"})}

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        try:
            read_url(url)
        except OutboundRefused as error:
            raise ValidationError(str(error)) from None
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("entered") and not cleaned.get("left"):
            self.add_error(
                "entered", gettext("Without entries and departures there is nothing to tell.")
            )
        return cleaned


@admin.register(Webhook)
class WebhookAdmin(ModelAdmin):
    form = WebhookForm
    change_form_template = f"{_PAGES}/change_form.html"
    list_display = ("name", "url", "told_of", "waiting", "given_up", "active")
    list_filter = ("active",)
    list_select_related = ("segment",)
    search_fields = ("name", "url")
    fieldsets = (
        (None, {"fields": ("name", "url", "active")}),
        (_("What it is told of"), {"fields": ("segment", ("entered", "left"))}),
    )

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "segment":
            kwargs["queryset"] = Segment.objects.listed()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    # -- list ---------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        webhooks: QuerySet[Webhook] = super().get_queryset(request)
        status = WebhookDelivery.Status
        return webhooks.annotate(
            n_waiting=Count("deliveries", filter=Q(deliveries__status=status.WAITING)),
            n_given_up=Count("deliveries", filter=Q(deliveries__status=status.FAILED)),
        )

    @admin.display(description=_("told of"), ordering="segment__name")
    def told_of(self, webhook: Webhook) -> str:
        return webhook.segment.name if webhook.segment else gettext("every segment")

    @admin.display(description=_("waiting"), ordering="n_waiting")
    def waiting(self, webhook: Any) -> int:
        return int(webhook.n_waiting)

    @admin.display(description=_("given up"), ordering="n_given_up")
    def given_up(self, webhook: Any) -> int:
        return int(webhook.n_given_up)

    # -- page ---------------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        webhook = kwargs.get("obj")
        if webhook is not None:
            context["deliveries"] = webhook.deliveries.all()[:LISTED]
            context["secret_begins"] = webhook.secret[:10]
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        if not change:
            obj.secret = new_secret()
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._show_secret(request, obj)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/secret/", view(self.new_secret), name="personalization_webhook_secret"),
            path("<int:pk>/ping/", view(self.ping), name="personalization_webhook_ping"),
        ]
        return own + super().get_urls()

    def new_secret(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask whether the secret is to be replaced, then replace it and show the new one."""
        webhook = self._changeable(request, pk)
        if webhook is None:
            return gone(request, Webhook)
        if request.method != "POST":
            return self._page(request, webhook, "new_secret", title=gettext("New secret"))
        webhook.secret = new_secret()
        webhook.save(update_fields=["secret"])
        self.log_change(request, webhook, gettext("New secret."))
        return self._show_secret(request, webhook)

    def ping(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send a request that says nothing, and say what was answered."""
        webhook = self._changeable(request, pk)
        if webhook is None:
            return gone(request, Webhook)
        if request.method != "POST":
            raise PermissionDenied
        sent = ping(webhook, now=timezone.now())
        if sent.error:
            messages.error(request, gettext("The test failed: %(why)s") % {"why": sent.error})
        else:
            said = gettext("The test arrived: it answered %(status)s.")
            messages.success(request, said % {"status": sent.response_status})
        return HttpResponseRedirect(
            reverse("admin:personalization_webhook_change", args=(webhook.pk,))
        )

    def _show_secret(self, request: HttpRequest, webhook: Webhook) -> HttpResponse:
        """Show the secret in the answer that made it: it is shown nowhere else."""
        return self._page(request, webhook, "secret", title=gettext("The new secret"))

    def _page(
        self, request: HttpRequest, webhook: Webhook, name: str, **context: Any
    ) -> HttpResponse:
        context |= self.admin_site.each_context(request)
        context |= {"opts": self.opts, "original": webhook, "media": self.media}
        response = TemplateResponse(request, f"{_PAGES}/{name}.html", context)
        response["Cache-Control"] = "no-store, private"
        return response

    def _changeable(self, request: HttpRequest, pk: int) -> Webhook | None:
        webhook = Webhook.objects.filter(pk=pk).first()
        if not self.has_change_permission(request, webhook):
            raise PermissionDenied
        return webhook

    # -- deletion -----------------------------------------------------------------------

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Count what was to be told, instead of listing it one by one."""
        webhooks = list(objs)
        n = WebhookDelivery.objects.filter(webhook__in=webhooks).count()
        listed: list[Any] = [str(webhook) for webhook in webhooks]
        listed.append(ngettext("%(n)s delivery", "%(n)s deliveries", n) % {"n": n})
        counts = {
            str(Webhook._meta.verbose_name_plural): len(webhooks),
            str(WebhookDelivery._meta.verbose_name_plural): n,
        }
        needed = set() if may(request, "delete", Webhook) else {str(Webhook._meta.verbose_name)}
        return listed, counts, needed, []


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("made", "webhook", "what", "state", "answer")
    list_filter = ("status", "webhook")
    list_select_related = ("webhook",)
    ordering = ("-pk",)
    sortable_by = ()
    actions = ("try_again",)
    fields = (
        "webhook", "state", "attempts", "created_at", "next_at", "delivered_at",
        "response_status", "error", "payload",
    )  # fmt: skip

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request, "change", Webhook)

    @admin.display(description=_("created at"))
    def made(self, delivery: WebhookDelivery) -> str:
        return moment_cell(delivery.created_at)

    @admin.display(description=_("what"))
    def what(self, delivery: WebhookDelivery) -> str:
        return contents(delivery)

    @admin.display(description=_("status"))
    def state(self, delivery: WebhookDelivery) -> SafeString:
        return state_mark(delivery)

    @admin.display(description=_("answer"))
    def answer(self, delivery: WebhookDelivery) -> SafeString | str:
        said = delivery.error or str(delivery.response_status or "–")
        if delivery.attempts < 2:
            return said
        tries = gettext("%(n)s tries") % {"n": delivery.attempts}
        return format_html('{} <span class="pz-quiet">{}</span>', said, tries)

    @admin.action(description=_("Try again what was given up"), permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        chosen = WebhookDelivery.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        n = retry(chosen, now=timezone.now())
        text = ngettext("%(n)s delivery is tried again.", "%(n)s deliveries are tried again.", n)
        self.message_user(request, text % {"n": n}, messages.SUCCESS if n else messages.WARNING)


def contents(delivery: WebhookDelivery) -> str:
    """Return in words what a delivery tells."""
    changes = delivery.payload.get("changes", [])
    if not changes:
        return gettext("a test")
    n = len(changes)
    text = ngettext("%(n)s change of %(segments)s", "%(n)s changes of %(segments)s", n)
    segments = sorted({str(change["segment"]) for change in changes})
    return text % {"n": n, "segments": ", ".join(segments)}


def state_mark(delivery: WebhookDelivery) -> SafeString:
    colour = _COLOURS[WebhookDelivery.Status(delivery.status)]
    return format_html(
        '<span class="pz-state pz-state-{}">{}</span>', colour, delivery.get_status_display()
    )
