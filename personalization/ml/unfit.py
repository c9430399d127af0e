"""Why nothing can be learned from some data."""

from __future__ import annotations

from personalization.exceptions import PersonalizationError


class UnfitData(PersonalizationError):
    """No model can be learned from these data."""


class TooLittleData(UnfitData):
    """There is too little of them so far: more of the same would do."""
