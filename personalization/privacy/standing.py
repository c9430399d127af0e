"""What counts for a visitor at this moment, and why: for the page of privacy choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from personalization.conf import settings
from personalization.privacy.answers import DESPITE_SIGNAL, answered
from personalization.privacy.models import Consent, Mechanism
from personalization.privacy.regions import OPT_OUT, regime_of, region_of
from personalization.privacy.signals import objects, signals_of
from personalization.profiles.models import Identity
from personalization.profiles.visitor import read_visitor_id


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The answer of a visitor; None as `granted`: there is none to the policy as it stands."""

    granted: frozenset[str] | None
    version: str
    region: str
    is_opt_out: bool
    signals: tuple[str, ...]
    #: Whether the browser's signal is what decides, or the visitor agreed in spite of it.
    objects: bool
    despite_signal: bool
    #: When the answer was recorded, and to which version; None: nobody knows the visitor.
    since: datetime | None = None
    answered_version: str = ""
    presumed: bool = False


def standing_of(cookies: Mapping[str, str], meta: Mapping[str, Any]) -> Standing:
    """Return what counts: one query for who has a visitor id, and none for all others."""
    region = region_of(meta)
    granted = answered(cookies, meta)
    stated = cookies.get(settings.CONSENT_COOKIE, "").rpartition(".")[2].split("-")
    newest = _newest(cookies)
    return Standing(
        granted=granted,
        version=settings.POLICY_VERSION,
        region=region,
        is_opt_out=regime_of(region) == OPT_OUT,
        signals=signals_of(meta),
        objects=objects(meta),
        despite_signal=bool(granted) and DESPITE_SIGNAL in stated,
        since=newest.recorded_at if newest else None,
        answered_version=newest.policy_version if newest else "",
        presumed=newest is not None and newest.mechanism == Mechanism.PRESUMED,
    )


def _newest(cookies: Mapping[str, str]) -> Consent | None:
    visitor_id = read_visitor_id(cookies)
    if visitor_id is None:
        return None
    return (
        Consent.objects.filter(identity__namespace=Identity.ANONYMOUS, identity__value=visitor_id)
        .order_by("-pk")
        .first()
    )
