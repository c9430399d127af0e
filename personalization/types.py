"""Words shared by every layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

JsonScalar: TypeAlias = str | int | float | bool | None
Json: TypeAlias = "JsonScalar | Sequence[Json] | Mapping[str, Json]"
JsonObject: TypeAlias = Mapping[str, Json]

#: An instant as microseconds since 1970-01-01T00:00:00Z: what snapshots store
#: and rules compare, exact on both sides where floats of seconds are not.
Microseconds: TypeAlias = int


class Purpose(TextChoices):
    """What data is used for; each needs its own consent (necessary needs none)."""

    NECESSARY = "necessary", _("Necessary")
    ANALYTICS = "analytics", _("Analytics")
    PERSONALIZATION = "personalization", _("Personalization")
    MARKETING = "marketing", _("Marketing")


#: The purposes a visitor is asked for.
ASKED_PURPOSES = (Purpose.ANALYTICS, Purpose.PERSONALIZATION, Purpose.MARKETING)

#: Either of these allows events of the visitor to be kept.
COLLECTING_PURPOSES = frozenset({Purpose.ANALYTICS.value, Purpose.PERSONALIZATION.value})

#: What `PERSONALIZATION_PRIVACY` may be.
STANDARD, STRICT, EXEMPT = PRIVACY_MODES = ("standard", "strict", "exempt")
