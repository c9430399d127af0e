"""Links between admin pages."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from personalization.admin.visitors import label
from personalization.profiles.models import Identity


def profile_link(identity: Identity) -> SafeString:
    """Return a link to the profile that `identity` belongs to now."""
    address = reverse("admin:personalization_profile_change", args=(identity.profile_id,))
    return format_html('<a href="{}">{}</a>', address, label(identity.profile))
