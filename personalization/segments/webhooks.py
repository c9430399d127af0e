"""What webhooks are to be told, written beside what it is about (an outbox).

A row is there if and only if the change is: both are of one transaction. `deliveries.py`
takes it from there. A row names profiles by number only; who they are is looked up when it
is sent, so that nothing personal lies in the outbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from django.utils import timezone

from personalization import hints
from personalization.clock import moment
from personalization.segments.agreed import may_be_told
from personalization.segments.models import Segment, Webhook, WebhookDelivery
from personalization.segments.telling import Telling
from personalization.types import JsonObject

#: Changes in one request.
MOST_CHANGES = 100

T = TypeVar("T")


def enqueue(told: Sequence[Telling]) -> None:
    """Keep for each webhook what it is to be told, within the current transaction.

    Only of profiles that agreed to what its receiver uses it for. One query where there is no
    webhook; `told` is in the order of time, and stays so.
    """
    webhooks = list(Webhook.objects.filter(active=True).order_by("pk"))
    wanted = [
        (webhook, may_be_told(webhook, [each for each in told if _wants(webhook, each)]))
        for webhook in webhooks
    ]
    ids = {each.segment_id for _, tellings in wanted for each in tellings}
    if not ids:
        return
    slugs = dict(Segment.objects.filter(pk__in=ids).values_list("pk", "slug"))
    _keep(
        (webhook, {"changes": [_change(each, slugs[each.segment_id]) for each in part]})
        for webhook, tellings in wanted
        for part in _parts([each for each in tellings if each.segment_id in slugs], MOST_CHANGES)
    )


def _keep(payloads: Iterable[tuple[Webhook, JsonObject]]) -> None:
    now = timezone.now()  # when it was put into the outbox, not when it happened
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(webhook=webhook, payload=payload, created_at=now, next_at=now)
        for webhook, payload in payloads
    )
    hints.hint(hints.DELIVER_WEBHOOKS)


def _wants(webhook: Webhook, telling: Telling) -> bool:
    if webhook.segment_id is not None and webhook.segment_id != telling.segment_id:
        return False
    return webhook.entered if telling.entered else webhook.left


def _change(telling: Telling, slug: str) -> JsonObject:
    return {
        "type": "entered" if telling.entered else "left",
        "segment": slug,
        "profileId": telling.profile_id,
        "at": moment(telling.at).isoformat(),
    }


def _parts(listed: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (listed[start : start + size] for start in range(0, len(listed), size))
