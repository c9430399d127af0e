"""Tell webhooks what waits for them: in order, at least once, and not for ever.

Of each webhook only the oldest row that waits is tried, so that what is told of one
membership arrives in the order in which it happened. A row is leased before it is sent: a
worker that dies leaves it to the next one when the lease is over. The receiver may hear it
twice then, and knows it by its id.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random, SystemRandom

from django.db.models import OuterRef, QuerySet, Subquery

from personalization import hints, metrics
from personalization.conf import settings
from personalization.exceptions import OutboundFailed, OutboundRefused
from personalization.outbound import post
from personalization.segments.agreed import agreed_profiles
from personalization.segments.members import identities_of
from personalization.segments.models import Webhook, WebhookDelivery
from personalization.segments.signature import HEADER, sign
from personalization.types import JsonObject

logger = logging.getLogger(__name__)

ID_HEADER = "X-Personalization-Delivery"
#: The first pause after a failure; each is twice as long as the one before, up to the longest.
PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=6)
#: Tries before it is given up, a bit more than a day after the first.
MOST_ATTEMPTS = 14
#: Longer than a call of `deliver_webhooks` and the one request that it may have begun.
LEASE = timedelta(minutes=5)
#: Seconds after which a call begins no further request: `now` is that of its beginning.
PATIENCE = 60.0
#: How long a row is kept, whatever became of it, unless the site says otherwise.
KEPT = timedelta(days=30)
#: Rows that are let go of in one call.
_CHUNK = 500
#: The receiver says that it wants to hear no more of it.
_GONE = 410

Waiting = WebhookDelivery.Status.WAITING


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one try. `final` failures are not tried again."""

    status: int | None = None
    error: str = ""
    final: bool = False


def deliver_webhooks(
    *, now: datetime, patience: float = PATIENCE, rng: Random | None = None
) -> int:
    """Send what is due, one request after the other; return how many were tried.

    After `patience` seconds no further one is begun.
    """
    rng = rng or SystemRandom()
    _forget(before=now - settings.RETENTION_OF.get("webhook deliveries", KEPT))
    tried, began = 0, time.monotonic()
    while time.monotonic() - began < patience and (delivery := _claim(now)):
        _record(delivery, _send(delivery, now=now), now=now, rng=rng)
        tried += 1
    return tried


def ping(webhook: Webhook, *, now: datetime) -> WebhookDelivery:
    """Send a request that says nothing, at once and once; return what became of it.

    It does not wait for what waits, and a webhook that is off is asked too.
    """
    delivery = WebhookDelivery.objects.create(
        webhook=webhook, payload={}, attempts=1, created_at=now, next_at=now + LEASE
    )
    outcome = _send(delivery, now=now)
    _record(delivery, replace(outcome, final=True), now=now, rng=SystemRandom())
    delivery.refresh_from_db()
    return delivery


def retry(deliveries: QuerySet[WebhookDelivery], *, now: datetime) -> int:
    """Have what was given up tried once more; return how much of it there was."""
    n = deliveries.filter(status=WebhookDelivery.Status.FAILED).update(status=Waiting, next_at=now)
    if n:
        hints.hint(hints.DELIVER_WEBHOOKS)
    return n


def pause_after(attempts: int, *, rng: Random) -> timedelta:
    """Return how long to wait after so many failures: half of it by chance, lest all that
    failed together come back together."""
    whole = min(PAUSE * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)
    return whole / 2 + whole / 2 * rng.random()


def _claim(now: datetime) -> WebhookDelivery | None:
    """Lease the oldest row of a webhook that is due, so that no other worker sends it."""
    oldest = WebhookDelivery.objects.filter(webhook=OuterRef("pk"), status=Waiting).order_by("pk")
    active = Webhook.objects.filter(active=True)
    heads = active.annotate(head=Subquery(oldest.values("pk")[:1])).values("head")
    due = WebhookDelivery.objects.filter(pk__in=heads, next_at__lte=now)
    for delivery in due.select_related("webhook").order_by("next_at", "pk"):
        mine = _as_read(delivery).update(attempts=delivery.attempts + 1, next_at=now + LEASE)
        if mine:
            delivery.attempts += 1
            return delivery
    return None


def _as_read(delivery: WebhookDelivery) -> QuerySet[WebhookDelivery]:
    """Return the row, unless another worker or a person has changed it meanwhile."""
    return WebhookDelivery.objects.filter(
        pk=delivery.pk, status=Waiting, attempts=delivery.attempts
    )


def _send(delivery: WebhookDelivery, *, now: datetime) -> Outcome:
    told = message(delivery)
    if delivery.payload.get("changes") and not told["changes"]:
        return Outcome()  # all of them have taken back their answer: there is nothing to tell
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "personalization-webhooks",
        ID_HEADER: str(delivery.pk),
        HEADER: sign(body, secret=delivery.webhook.secret, now=now),
    }
    try:
        answer = post(delivery.webhook.url, body=body, headers=headers)
    except (OutboundFailed, OutboundRefused) as error:
        return Outcome(error=str(error))
    if answer.is_good:
        return Outcome(status=answer.status)
    if answer.status == _GONE:
        return Outcome(status=_GONE, error="It says that it is gone.", final=True)
    moved = ", and redirects are not followed" if 300 <= answer.status < 400 else ""
    return Outcome(status=answer.status, error=f"It answered {answer.status}{moved}.")


def message(delivery: WebhookDelivery) -> JsonObject:
    """Return what is sent: the changes with who the profiles are now (two queries).

    The entry of somebody who does not agree any more to what it is used for is left out.
    """
    listed = delivery.payload.get("changes", [])
    agree = agreed_profiles(
        {change["profileId"] for change in listed}, purpose=delivery.webhook.purpose
    )
    changes = [each for each in listed if each["type"] == "left" or each["profileId"] in agree]
    identities = identities_of({change["profileId"] for change in changes})
    return {
        "id": str(delivery.pk),
        "type": "segments.changed" if listed else "ping",
        "createdAt": delivery.created_at.isoformat(),
        "changes": [
            {
                **change,
                "identities": [
                    {"namespace": key.namespace, "value": key.value}
                    for key in identities.get(change["profileId"], [])
                ],
            }
            for change in changes
        ],
    }


def _record(delivery: WebhookDelivery, outcome: Outcome, *, now: datetime, rng: Random) -> None:
    row = _as_read(delivery)
    if not outcome.error:
        metrics.count("webhooks.delivered")
        row.update(
            status=WebhookDelivery.Status.DELIVERED,
            delivered_at=now,
            next_at=None,
            response_status=outcome.status,
            error="",
        )
        return
    metrics.count("webhooks.failed")
    failure = {"response_status": outcome.status, "error": outcome.error}
    if outcome.final or delivery.attempts >= MOST_ATTEMPTS:
        metrics.count("webhooks.given_up")
        logger.error(
            "Webhook %s is not told of delivery %s: %s",
            delivery.webhook,
            delivery.pk,
            outcome.error,
            extra={"action": "webhook_given_up"},
        )
        row.update(status=WebhookDelivery.Status.FAILED, next_at=None, **failure)
    else:
        row.update(next_at=now + pause_after(delivery.attempts, rng=rng), **failure)


def _forget(*, before: datetime) -> None:
    """Let go of old rows. Their ids are in the order of time, so looking at one is enough."""
    ordered = WebhookDelivery.objects.order_by("pk").values_list("pk", "created_at")
    oldest = ordered.first()
    if oldest is None or oldest[1] >= before:
        return
    old = [pk for pk, created_at in ordered[:_CHUNK] if created_at < before]
    WebhookDelivery.objects.filter(pk__in=old).delete()
