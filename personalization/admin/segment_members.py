"""Members of a segment from a file and into one."""

from __future__ import annotations

import csv
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import get_valid_filename
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.audited import note_of_object
from personalization.admin.links import gone
from personalization.admin.read_only import ModelAdmin, may_view
from personalization.exceptions import UnreadableFile
from personalization.privacy.models import AuditEntry
from personalization.profiles.models import Profile
from personalization.segments.member_csv import MOST_BYTES, put_in, read_text, written_rows
from personalization.segments.models import Segment
from personalization.segments.state import has_ended

_PAGE = "admin/personalization/segment/members_upload.html"


class UploadForm(forms.Form):
    file = forms.FileField(label=gettext_lazy("CSV file"), allow_empty_file=False)

    def clean_file(self) -> str:
        """Return the text of the file, which is read only if it is no larger than allowed."""
        file: Any = self.cleaned_data["file"]
        try:
            return read_text(file.read(MOST_BYTES + 1))
        except UnreadableFile as error:
            raise ValidationError(str(error)) from None


def upload(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a file, put in whom it names, and tell of each line that could not be used."""
    segment, now = Segment.objects.listed().filter(pk=pk).first(), timezone.now()
    if not model_admin.has_change_permission(request, segment) or not may_view(request, Profile):
        raise PermissionDenied
    if segment is None:
        return gone(request, Segment)
    if segment.is_by_rule or has_ended(segment, now=now):
        messages.warning(request, _("Nobody can be put into this segment from a file."))
        return redirect("admin:personalization_segment_change", pk)
    form, found = UploadForm(request.POST or None, request.FILES or None), None
    if request.method == "POST" and form.is_valid():
        found = put_in(segment, form.cleaned_data["file"], now=now)
        model_admin.log_change(
            request, segment, _("%(n)s lines of a file put in.") % {"n": found.taken}
        )
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("Members from a file"),
        "opts": model_admin.opts,
        "original": segment,
        "media": model_admin.media,
        "form": form,
        "found": found,
    }
    return TemplateResponse(request, _PAGE, context)


def download(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send the members of now, row by row."""
    segment = Segment.objects.listed().filter(pk=pk).first()
    if not model_admin.has_view_permission(request, segment) or not may_view(request, Profile):
        raise PermissionDenied
    if segment is None:
        return gone(request, Segment)
    note_of_object(request, AuditEntry.Action.EXPORTED, segment, what="members")
    name = get_valid_filename(f"{segment.slug}.csv")
    writer = csv.writer(_Line())
    rows = written_rows(segment, now=timezone.now())
    return StreamingHttpResponse(
        (writer.writerow(row) for row in rows),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store, private",
            "X-Content-Type-Options": "nosniff",
        },
    )


class _Line:
    """What a writer of CSV writes into: it hands back what it is given."""

    def write(self, text: str) -> str:
        return text
