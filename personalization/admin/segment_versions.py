"""The versions of a segment: what its rule was, what changed, and back to one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization import hints
from personalization.admin.links import gone
from personalization.admin.read_only import ModelAdmin
from personalization.admin.rule_check import examine, problem_text
from personalization.exceptions import InvalidRule, Problem
from personalization.rules.catalogue import Catalogue
from personalization.rules.explain import sentence
from personalization.rules.groups import Group
from personalization.rules.nodes import RuleGroup
from personalization.rules.parse import parse
from personalization.segments.catalogue import catalogue
from personalization.segments.models import Segment, SegmentVersion
from personalization.segments.versions import credit, newest_number
from personalization.types import Json

_PAGES = "admin/personalization/segment"
#: Versions on the page; nobody looks for older ones in a list.
LISTED = 100
_HEADINGS = {
    ("and", False): gettext_lazy("All of these:"),
    ("or", False): gettext_lazy("At least one of these:"),
    ("and", True): gettext_lazy("Not all of these:"),
    ("or", True): gettext_lazy("None of these:"),
}

_COLOURS = {
    SegmentVersion.State.SERVING: "fresh",
    SegmentVersion.State.WAITING: "pending",
    SegmentVersion.State.DROPPED: "off",
}

Sign = Literal["same", "added", "removed"]


@dataclass(frozen=True, kw_only=True)
class VersionLine:
    """A version as it stands in the list."""

    version: SegmentVersion
    sentence: str
    is_current: bool
    #: The colour of its state, where that is worth a word.
    colour: str
    #: The number of the version before, to compare it with.
    before: int | None


@dataclass(frozen=True, kw_only=True)
class DiffLine:
    """A line of one of two rules, or of both."""

    sign: Sign
    text: str


def listing(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show the versions, newest first."""
    segment = _visible(model_admin, request, pk)
    if segment is None:
        return gone(request, Segment)
    return _page(
        model_admin,
        request,
        segment,
        "versions",
        title=_("Versions of “%(name)s”") % {"name": segment.name},
        lines=version_lines(segment),
        may_restore=model_admin.has_change_permission(request, segment),
    )


def comparison(
    model_admin: ModelAdmin, request: HttpRequest, pk: int, one: int, other: int
) -> HttpResponse:
    """Show what is different between two versions."""
    segment = _visible(model_admin, request, pk)
    if segment is None:
        return gone(request, Segment)
    old, new = (_version(segment, number) for number in sorted((one, other)))
    if old is None or new is None:
        return _no_such_version(model_admin, request, segment)
    known = catalogue()
    return _page(
        model_admin,
        request,
        segment,
        "comparison",
        title=_("From version %(old)s to version %(new)s") % {"old": old.number, "new": new.number},
        old=old,
        new=new,
        sentences=[version_sentence(each, known) for each in (old, new)],
        lines=difference(lines_of(old, known), lines_of(new, known)),
    )


def restoration(
    model_admin: ModelAdmin, request: HttpRequest, pk: int, number: int
) -> HttpResponse:
    """Make the rule of a version the rule again, as a new version; only if it can be used."""
    segment = _visible(model_admin, request, pk)
    if not model_admin.has_change_permission(request, segment) or request.method != "POST":
        raise PermissionDenied
    if segment is None:
        return gone(request, Segment)
    version = _version(segment, number)
    if version is None:
        return _no_such_version(model_admin, request, segment)
    if problems := _problems(version, segment):
        for problem in problems:
            messages.error(request, problem_text(problem))
        messages.error(
            request,
            _("Version %(n)s cannot be used any more; nothing was changed.") % {"n": number},
        )
        return HttpResponseRedirect(_address(model_admin, "versions", segment.pk))
    note = _("Back to version %(n)s") % {"n": number}
    with transaction.atomic():
        before = newest_number(segment)
        segment.kind, segment.rule = version.kind, version.rule
        segment.save()
        credit(segment, after=before, by=request.user, note=note)
        model_admin.log_change(request, segment, note)
    hints.hint(hints.REFRESH_SEGMENTS)
    messages.success(request, _("The rule is again that of version %(n)s.") % {"n": number})
    return HttpResponseRedirect(_address(model_admin, "change", segment.pk))


def _problems(version: SegmentVersion, segment: Segment) -> Sequence[Problem]:
    """Return what speaks against the rule of a version, as it would of one in the form."""
    if version.kind == Segment.Kind.MANUAL:
        return ()
    return examine(version.rule, slug=segment.slug, catalogue=catalogue()).problems


def version_lines(segment: Segment) -> Sequence[VersionLine]:
    versions = list(segment.versions.select_related("created_by")[:LISTED])
    known = catalogue()
    numbers = [version.number for version in versions]
    return [
        VersionLine(
            version=version,
            sentence=version_sentence(version, known),
            is_current=index == 0,
            colour=_COLOURS.get(SegmentVersion.State(version.state), ""),
            before=before,
        )
        for index, (version, before) in enumerate(zip(versions, [*numbers[1:], None], strict=False))
    ]


def version_sentence(version: SegmentVersion, known: Catalogue) -> str:
    """Return who belonged to the segment in one sentence, also by a rule that is broken."""
    if version.kind == Segment.Kind.MANUAL:
        return _("Whoever was put in by hand.")
    try:
        return f"{sentence(parse(version.rule), known)}."
    except InvalidRule:
        return _("A rule that cannot be read.")


def lines_of(version: SegmentVersion, known: Catalogue) -> Sequence[str]:
    if version.kind == Segment.Kind.MANUAL:
        return [version_sentence(version, known)]
    return rule_lines(version.rule, known)


def rule_lines(rule: Json, known: Catalogue) -> Sequence[str]:
    """Return a rule as lines: a condition on each, indented by its groups."""
    try:
        parsed = parse(rule)
    except InvalidRule:
        return json.dumps(rule, indent=2, ensure_ascii=False, sort_keys=True).splitlines()
    return list(_group_lines(parsed.root, known, depth=0))


def _group_lines(group: RuleGroup, known: Catalogue, *, depth: int) -> Iterator[str]:
    indent, only = "    " * depth, group.children[0]
    if len(group.children) == 1 and not isinstance(only, Group):
        yield indent + (only.denial(known) if group.negated else only.sentence(known))
        return
    yield f"{indent}{_HEADINGS[group.combinator, group.negated]}"
    for child in group.children:
        if isinstance(child, Group):
            yield from _group_lines(child, known, depth=depth + 1)
        else:
            yield f"{indent}    {child.sentence(known)}"


def difference(old: Sequence[str], new: Sequence[str]) -> Sequence[DiffLine]:
    """Return the lines of both: those that went before those that came in their place."""
    found: list[DiffLine] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [DiffLine(sign="same", text=text) for text in old[a:b]]
            continue
        found += [DiffLine(sign="removed", text=text) for text in old[a:b]]
        found += [DiffLine(sign="added", text=text) for text in new[c:d]]
    return found


def _visible(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> Segment | None:
    segment = Segment.objects.listed().filter(pk=pk).first()
    if not model_admin.has_view_permission(request, segment):
        raise PermissionDenied
    return segment


def _version(segment: Segment, number: int) -> SegmentVersion | None:
    return segment.versions.filter(number=number).first()


def _no_such_version(
    model_admin: ModelAdmin, request: HttpRequest, segment: Segment
) -> HttpResponse:
    messages.warning(request, _("This segment has no such version."))
    return HttpResponseRedirect(_address(model_admin, "versions", segment.pk))


def _page(
    model_admin: ModelAdmin, request: HttpRequest, segment: Segment, name: str, **context: Any
) -> HttpResponse:
    context |= model_admin.admin_site.each_context(request)
    context |= {"opts": model_admin.opts, "original": segment, "media": model_admin.media}
    return TemplateResponse(request, f"{_PAGES}/{name}.html", context)


def _address(model_admin: ModelAdmin, name: str, *args: int) -> str:
    return reverse(
        f"admin:personalization_segment_{name}",
        args=args,
        current_app=model_admin.admin_site.name,
    )
