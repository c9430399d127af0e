"""The time machine in words: what a rule would have done in days that have passed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from personalization.admin.figures import about, number, rounded
from personalization.admin.rule_check import examine
from personalization.admin.rule_json import NotJson
from personalization.admin.rule_request import read_request, require_segments
from personalization.admin.wording import share_words
from personalization.exceptions import NotReplayable
from personalization.segments.catalogue import catalogue
from personalization.segments.timemachine import SAMPLE, Day, Estimate, Overlap, Replay, replays
from personalization.types import Json, JsonObject

#: Overlaps of less than this share are no news.
_OVERLAP = 0.005


@require_POST
def replay(request: HttpRequest) -> HttpResponseBase:
    """Answer what the rule would have done: a line of JSON for each better answer.

    Whoever goes away stops the replay with the next line.
    """
    require_segments(request)
    try:
        asked = read_request(request)
    except NotJson as error:
        return JsonResponse({"message": str(error)}, status=400)
    found = examine(asked.rule, slug=asked.slug, catalogue=catalogue())
    if found.rule is None or found.problems:
        message = _("Repair the rule first: it cannot be replayed as it is.")
        return JsonResponse({"message": message}, status=422)
    now = timezone.now()
    sample = None if asked.everybody else SAMPLE
    try:
        answers = replays(
            found.rule, start=now - timedelta(days=asked.days), end=now, sample=sample
        )
    except NotReplayable as error:
        return JsonResponse({"message": str(error)}, status=422)
    lines = (json.dumps(replay_json(answer)) + "\n" for answer in answers)
    return StreamingHttpResponse(lines, content_type="application/x-ndjson")


def replay_json(found: Replay) -> JsonObject:
    """Return a replay as the editor shows it."""
    days: list[Json] = [_day(day) for day in found.days]
    overlaps: list[Json] = [
        _overlap(each) for each in found.overlaps if each.share.value >= _OVERLAP
    ]
    return {
        "sentence": _sentence(found),
        "facts": list(_facts(found)),
        "overlaps": overlaps,
        "days": days,
        "caption": _caption(found.days),
        "finished": found.finished,
    }


def _sentence(found: Replay) -> str:
    days = (found.end - found.start).days
    visitors = found.visitors
    words = ngettext(
        "Over the last day this would have matched %(n)s of %(total)s visitors (%(share)s).",
        "Over the last %(days)s days this would have matched %(n)s of %(total)s visitors "
        "(%(share)s).",
        days,
    )
    return words % {
        "days": number(days),
        "n": about(round(visitors.value), low=round(visitors.low), high=round(visitors.high)),
        "total": number(found.population),
        "share": share_words(round(visitors.value), found.population),
    }


def _facts(found: Replay) -> Iterator[str]:
    if found.median_stay is not None:
        stay = _stay(found)
        yield _("Half of the stays last %(stay)s or longer.") % {"stay": stay}
    elif found.visitors.value:
        yield _("More than half of those who entered are still in it.")
    if not found.finished:
        yield _("%(done)s of %(wanted)s visitors replayed so far.") % {
            "done": number(found.replayed),
            "wanted": number(found.wanted),
        }
    elif not found.exact:
        yield _(
            "Estimated from %(n)s visitors; of 100 such figures, 95 are off by no more than they say."
        ) % {"n": number(found.replayed)}


def _stay(found: Replay) -> str:
    stay = found.median_stay or timedelta()
    if stay < timedelta(minutes=1):
        return _("less than a minute")
    return timesince(found.end - stay, found.end, depth=1)


def _overlap(each: Overlap) -> JsonObject:
    words = _("%(share)s of them were in “%(name)s”, too") % {
        "share": _percent(each.share),
        "name": each.name,
    }
    return {"words": words, "percent": round(100 * each.share.value, 1)}


def _percent(share: Estimate) -> str:
    margin = 100 * max(share.high - share.value, share.value - share.low)
    text = rounded(100 * share.value, 0)
    if share.low == share.high:
        return f"{text} %"
    return f"{text} ± {number_format(max(round(margin), 1), 0)} %"


def _day(day: Day) -> JsonObject:
    label = date_format(day.date, "j M")
    n = round(day.entries)
    words = ngettext("%(day)s: %(n)s entry", "%(day)s: %(n)s entries", n)
    return {
        "label": label,
        "entries": day.entries,
        "words": words % {"day": label, "n": number(n)},
    }


def _caption(days: tuple[Day, ...]) -> str:
    if not days:
        return ""
    busiest = max(days, key=lambda day: day.entries)
    return _("Entries per day; the most, %(n)s, on %(day)s") % {
        "n": number(round(busiest.entries)),
        "day": date_format(busiest.date, "j M"),
    }
