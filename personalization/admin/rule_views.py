"""What the rule editor can ask, by the name of its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import HttpRequest, HttpResponseBase

from personalization.admin import rule_count, rule_preview, rule_replay, rule_values, rule_witness

View = Callable[[HttpRequest], HttpResponseBase]

#: For everybody who sees segments.
OF_SEGMENTS: Mapping[str, View] = {
    "preview": rule_preview.preview,
    "count": rule_count.count,
    "cancel": rule_count.cancel,
    "witnesses": rule_witness.made_up,
    "replay": rule_replay.replay,
}
#: For those who may see who the visitors are, too.
OF_VISITORS: Mapping[str, View] = {
    "trial": rule_preview.trial,
    "visitors": rule_preview.visitors,
    "values": rule_values.values,
}
VIEWS: Mapping[str, View] = {**OF_SEGMENTS, **OF_VISITORS}
