"""What a page tells of the groups of a version, as plain values: nothing that learns comes along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from personalization.exceptions import PersonalizationError
from personalization.ml.models import ModelVersion
from personalization.ml.serving.published import GROUPED
from personalization.types import JsonObject

_READER = "personalization.ml.training.drawn_groups.drawn"


class NoGroups(PersonalizationError):
    """This version has no groups to show."""


@dataclass(frozen=True, kw_only=True)
class SaidRule:
    """A group as a rule, and how far both are the same people (shares from 0 to 1)."""

    rule: JsonObject
    size: int
    share: float
    precision: float
    recall: float
    f1: float
    #: On people that it had not seen; and how alike rules of rows drawn anew are. None: not known.
    unseen_f1: float | None
    stability: float | None


@dataclass(frozen=True, kw_only=True)
class GroupShown:
    """A group: its lasting id, name and mark, its share of the visitors, and what distinguishes
    it, in words."""

    id: int
    name: str
    mark: SafeString
    share: float
    differences: Sequence[str]
    said: SaidRule | None


@dataclass(frozen=True, kw_only=True)
class GroupsShown:
    groups: Sequence[GroupShown]
    pictures: Sequence[SafeString]
    #: Share of the visitors who are in no group.
    outside: float
    agreement: float
    #: What numbers went through before, step by step, in words.
    cleaning: Sequence[str]


def groups_of(version: ModelVersion) -> GroupsShown:
    """Return the groups of a version, and pictures of them.

    :raises NoGroups: if it has none, or they cannot be read here.
    """
    if version.algorithm != GROUPED or not version.checksum:
        raise NoGroups
    try:
        read = import_string(_READER)
    except ImportError as error:
        raise NoGroups(
            "The extra “ml” is not installed: pip install personalization[ml]."
        ) from error
    shown: GroupsShown = read(version)
    return shown


def said_rule(stored: Mapping[str, Any] | None) -> SaidRule | None:
    """Return the rule of a group as it is kept with the model."""
    return SaidRule(**stored) if stored else None
