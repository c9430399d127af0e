"""What a visitor says by one answer: read from the banner, the page or another consent tool."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from personalization.conf import settings
from personalization.exceptions import RequestRejected
from personalization.privacy.answers import known
from personalization.privacy.consent_log import Asked
from personalization.privacy.models import Mechanism
from personalization.privacy.regions import region_of
from personalization.privacy.signals import objects, signals_of
from personalization.privacy.tcf import agreed, decode
from personalization.types import ASKED_PURPOSES, Json

JSON = "application/json"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_TEXTS = re.compile(r"[0-9a-f]{64}")
_LANGUAGE = re.compile(r"(?=.{2,15}$)[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
#: Who may say so in the body; the others are known by what they send.
_STATED = (Mechanism.BANNER, Mechanism.CONSENT_MODE)
#: Answers that a visitor gives to us, seeing what the site says of the browser's signal.
_EXPLICIT = (Mechanism.BANNER, Mechanism.PREFERENCES)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """An answer as it counts, and how it came to be."""

    granted: frozenset[str]
    mechanism: Mechanism
    asked: Asked
    #: Agreed although the browser objects.
    despite_signal: bool = False


def read_statement(request: HttpRequest, *, now: datetime) -> Statement:
    """Return what the body of a request says.

    :raises RequestRejected: when it says nothing that can be understood.
    """
    if request.content_type != JSON:
        return _form(request)
    body = _object(request)
    if "tcf" in body:
        return _tc_string(body["tcf"], request=request, now=now)
    if body.get("signal") is True:
        return _counted(request, frozenset(), mechanism=Mechanism.SIGNAL)
    return _counted(
        request,
        _agreed(_list(body)),
        mechanism=_mechanism(body.get("mechanism", Mechanism.BANNER)),
        said=body,
    )


def _form(request: HttpRequest) -> Statement:
    # Anything else would be read as a form without a tick: a refusal nobody gave.
    if request.content_type not in _FORMS:
        raise RequestRejected(
            f"An answer is JSON or a form, not {request.content_type or 'nothing'}.",
            code="unsupported_type",
            status=415,
        )
    choice = request.POST.get("choice")
    if choice == "all":
        granted = known(ASKED_PURPOSES)
    else:
        granted = frozenset() if choice == "none" else _agreed(request.POST.getlist("purposes"))
    return _counted(request, granted, mechanism=Mechanism.PREFERENCES, said=request.POST.dict())


def _tc_string(text: object, *, request: HttpRequest, now: datetime) -> Statement:
    if not isinstance(text, str):
        raise RequestRejected("/tcf is needed: a TC string.", code="invalid_tc_string")
    said = decode(text)
    if now - said.updated > settings.CONSENT_AGE:
        raise RequestRejected(
            f"/tcf is of {said.updated:%Y-%m-%d}; an answer counts for"
            f" {settings.CONSENT_AGE.days} days.",
            code="stale_tc_string",
        )
    return _counted(
        request,
        known(agreed(said, needed=settings.TCF_PURPOSES, vendor=settings.TCF_VENDOR)),
        mechanism=Mechanism.TCF,
        said={"language": said.language.lower()},
        evidence={"tcf": text, "cmp": said.cmp, "policy": said.policy},
    )


def _counted(
    request: HttpRequest,
    granted: frozenset[str],
    *,
    mechanism: Mechanism,
    said: Mapping[str, object] | None = None,
    evidence: Mapping[str, Json] | None = None,
) -> Statement:
    """Return the answer as far as it counts: what tools state does not outweigh the browser."""
    said = said or {}
    objecting = objects(request.META)
    is_explicit = mechanism in _EXPLICIT
    if objecting and not is_explicit:
        granted = frozenset()
    # Some browsers only tell scripts, which pass it on.
    told = said.get("despite_signal") is True
    return Statement(
        granted=granted,
        mechanism=mechanism,
        despite_signal=bool(granted) and is_explicit and (objecting or told),
        asked=Asked(
            text_digest=_word(said, "texts", allowed=_TEXTS),
            language=_word(said, "language", allowed=_LANGUAGE),
            region=region_of(request.META),
            signals=signals_of(request.META),
            evidence=evidence or {},
        ),
    )


def _object(request: HttpRequest) -> Mapping[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        body = None
    return body if isinstance(body, dict) else {}


def _list(body: Mapping[str, Any]) -> Sequence[object]:
    purposes = body.get("purposes")
    if not isinstance(purposes, list):
        raise RequestRejected("/purposes is needed: a list of purposes.", code="missing_purposes")
    return purposes


def _agreed(purposes: Sequence[object]) -> frozenset[str]:
    agreed = known([purpose for purpose in purposes if isinstance(purpose, str)])
    if unknown := [purpose for purpose in purposes if purpose not in list(agreed)]:
        allowed = ", ".join(ASKED_PURPOSES)
        raise RequestRejected(
            f"/purposes: {str(unknown)[:100]} is not known. Allowed: {allowed}.",
            code="unknown_purpose",
        )
    return agreed


def _mechanism(stated: object) -> Mechanism:
    for mechanism in _STATED:
        if stated == mechanism.value:
            return mechanism
    raise RequestRejected(
        f"/mechanism: {str(stated)[:100]} is not known. Allowed: {', '.join(_STATED)}.",
        code="unknown_mechanism",
    )


def _word(said: Mapping[str, object], name: str, *, allowed: re.Pattern[str]) -> str:
    stated = said.get(name, "")
    if stated == "" or (isinstance(stated, str) and allowed.fullmatch(stated)):
        return str(stated)
    raise RequestRejected(f"/{name}: {str(stated)[:100]!r} cannot be one.", code=f"invalid_{name}")
