"""Versions of what visitors are asked: a new one begins as a copy of the one in force."""

from __future__ import annotations

import re
from typing import Final

from django.db import transaction
from django.utils.translation import get_language

from personalization.conf import settings
from personalization.privacy.models import ConsentRecord, ConsentText
from personalization.privacy.purposes import QUESTION
from personalization.privacy.texts import Texts, texts_of

#: What the consent cookie can hold as a version.
VERSION: Final = re.compile(r"[\w-]{1,20}", re.ASCII)


def is_answered(version: str) -> bool:
    """Return whether somebody answered the version: then its texts stay as they are."""
    return ConsentRecord.objects.filter(policy_version=version).exists()


def next_version() -> str:
    """Return a version that has no texts yet: 2 after 1, 2026-1 after 2026."""
    taken = {settings.POLICY_VERSION, *ConsentText.objects.values_list("version", flat=True)}
    current = settings.POLICY_VERSION
    if current.isdecimal():
        return str(max(int(version) for version in taken if version.isdecimal()) + 1)
    numbers = range(1, len(taken) + 1)
    named = (f"{current[: 19 - len(str(number))]}-{number}" for number in numbers)
    return next(version for version in named if version not in taken)


def copy_in_force() -> str:
    """Copy the texts that are asked now to a new version, and return that.

    A site without texts of its own gets the shipped ones, in the language of this request.
    """
    version = next_version()
    with transaction.atomic():
        stored = ConsentText.objects.filter(version=settings.POLICY_VERSION)
        copies = [
            ConsentText(
                version=version,
                language=text.language,
                purpose=text.purpose,
                title=text.title,
                text=text.text,
            )
            for text in stored
        ] or _rows(texts_of(get_language() or "en"), version=version)
        ConsentText.objects.bulk_create(copies)
    return version


def _rows(texts: Texts, *, version: str) -> list[ConsentText]:
    said = [(QUESTION, texts.title, texts.text)]
    said += [(purpose.value, purpose.label, purpose.text) for purpose in texts.purposes]
    return [
        ConsentText(
            version=version, language=texts.language, purpose=purpose, title=title, text=text
        )
        for purpose, title, text in said
    ]
