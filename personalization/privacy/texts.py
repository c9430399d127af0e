"""What visitors are asked, under the policy as it stands and in their language.

The site's own texts are kept in the process for a short while, so that a page asks the database
for them once in that time at most; where there are none, those that are shipped serve.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from django.conf import settings as django_settings
from django.db import DatabaseError
from django.utils import translation

from personalization import metrics
from personalization.conf import settings
from personalization.privacy.models import ConsentText
from personalization.privacy.purposes import QUESTION, SHIPPED
from personalization.types import ASKED_PURPOSES

logger = logging.getLogger(__name__)

#: Seconds after which another process knows of a text that was changed in the admin.
FRESH: Final = 30.0

#: Language → purpose → title and text.
_Stored: TypeAlias = Mapping[str, Mapping[str, tuple[str, str]]]


@dataclass(frozen=True, kw_only=True)
class PurposeText:
    """A purpose as it is asked for."""

    value: str
    label: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The question and the purposes, all in one language."""

    version: str
    language: str
    title: str
    text: str
    purposes: tuple[PurposeText, ...]

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of all that is said: what an answer was given to."""
        said = [self.version, self.language, self.title, self.text]
        purposes = [[each.value, each.label, each.text] for each in self.purposes]
        written = json.dumps([*said, purposes], separators=(",", ":"))
        return hashlib.sha256(written.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Kept:
    """The stored texts of a version, and until when they are taken for those in force."""

    version: str
    until: float
    stored: _Stored


_kept = _Kept("", 0.0, {})


def texts_of(language: str) -> Texts:
    """Return what visitors who read `language` are asked.

    A site that has texts of its own, but none in the language, asks in its default language.
    What it has no text for is asked as it is shipped.
    """
    stored = _in_force(settings.POLICY_VERSION)
    chosen = next((each for each in _candidates(language) if each in stored), language)
    own = stored.get(chosen, {})
    with translation.override(chosen):
        said = {part: own.get(part) or _shipped(part) for part in (QUESTION, *ASKED_PURPOSES)}
    return Texts(
        version=settings.POLICY_VERSION,
        language=chosen,
        title=said[QUESTION][0],
        text=said[QUESTION][1],
        purposes=tuple(
            PurposeText(value=purpose.value, label=said[purpose][0], text=said[purpose][1])
            for purpose in ASKED_PURPOSES
        ),
    )


def forget() -> None:
    """Read the texts anew when they are needed next."""
    global _kept
    _kept = _Kept("", 0.0, {})


def _candidates(language: str) -> Iterator[str]:
    for each in (language, django_settings.LANGUAGE_CODE):
        yield each.lower()
        yield each.lower().partition("-")[0]


def _shipped(part: str) -> tuple[str, str]:
    title, text = SHIPPED[part]
    return str(title), str(text)


def _in_force(version: str) -> _Stored:
    global _kept
    now = time.monotonic()
    if _kept.version != version or _kept.until <= now:
        _kept = _Kept(version, now + FRESH, _read(version))
    return _kept.stored


def _read(version: str) -> _Stored:
    stored: dict[str, dict[str, tuple[str, str]]] = {}
    try:
        for text in ConsentText.objects.filter(version=version):
            stored.setdefault(text.language.lower(), {})[text.purpose] = text.title, text.text
    except DatabaseError as error:
        # A page is shown without the database, too; it then asks as shipped.
        metrics.count("consent.texts_failed")
        logger.warning("Consent texts were not read: %s", error, extra={"action": "texts_failed"})
        return {}
    return stored
