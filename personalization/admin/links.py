"""Links between admin pages."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.admin.visitors import label
from personalization.profiles.models import Identity


def profile_link(identity: Identity) -> SafeString:
    """Return a link to the profile that `identity` belongs to now."""
    address = reverse("admin:personalization_profile_change", args=(identity.profile_id,))
    return format_html('<a href="{}">{}</a>', address, label(identity.profile))


def changelist(model: type[Model]) -> str:
    """Return the address of the list of `model`."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def gone(request: HttpRequest, model: type[Model]) -> HttpResponseRedirect:
    """Say that there is no such thing any more, and go on to the list of what there is."""
    words = _("There is no such %(thing)s any more.") % {"thing": model._meta.verbose_name}
    messages.warning(request, words)
    return HttpResponseRedirect(changelist(model))
