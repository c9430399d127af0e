"""Where a visitor is, as a proxy of the site says it, and what the law there asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

from personalization.conf import settings
from personalization.privacy.signals import signals_of
from personalization.types import STRICT

Regime: TypeAlias = Literal["opt-in", "opt-out"]
REGIMES: Final[tuple[Regime, ...]] = get_args(Regime)
OPT_IN, OPT_OUT = REGIMES
_OTHERS = "*"
#: An ISO 3166 code of a country, or of a part of one such as US-CA.
_REGION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
#: What Cloudflare says where it does not know, and of Tor, which could be anywhere.
_NOWHERE = frozenset({"XX", "T1"})


def region_of(meta: Mapping[str, Any]) -> str:
    """Return the region that came with a request (its `META`); empty: nobody knows."""
    header = settings.REGION_HEADER
    stated = meta.get(f"HTTP_{header.upper().replace('-', '_')}", "") if header else ""
    region = str(stated).strip().upper()
    return region if _REGION.fullmatch(region) and region not in _NOWHERE else ""


def regime_of(region: str) -> Regime:
    """Return what holds in a region: its own rule, its country's or that of all others.

    Where regions are stated, but not for this visitor, a yes has to be given.
    """
    if not region and settings.REGION_HEADER:
        return OPT_IN
    regimes = {name.upper(): regime for name, regime in settings.CONSENT_REGIMES.items()}
    for name in (region, region.partition("-")[0], _OTHERS):
        if name in regimes:
            return OPT_OUT if regimes[name] == OPT_OUT else OPT_IN
    return OPT_IN


def may_presume() -> bool:
    """Return whether there is any region in which a yes counts until it is taken back."""
    return settings.PRIVACY != STRICT and OPT_OUT in settings.CONSENT_REGIMES.values()


def presumes(meta: Mapping[str, Any]) -> bool:
    """Return whether a visitor who has not answered counts as one who agreed.

    Never does one whose browser objects, whatever the site makes of that otherwise.
    """
    return may_presume() and regime_of(region_of(meta)) == OPT_OUT and not signals_of(meta)
