"""Merging and parting profiles from the command line."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from personalization import shortcuts
from personalization.profiles.models import Merge
from personalization.testing import drain
from tests.profiles.test_links import of, persons, profile_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(db: None) -> tuple[int, int]:
    for user in "uv":
        shortcuts.track("Seen", user_id=user)
    drain()
    return profile_of("user:u"), profile_of("user:v")


def test_profiles_are_merged_and_parted(two: tuple[int, int], capsys: Any) -> None:
    call_command("merge_profiles", *map(str, two))
    assert f"Both are profile {profile_of('user:u')} now." in capsys.readouterr().out
    assert persons() == of("user:u user:v")
    call_command("undo_merge", str(Merge.objects.get().pk))
    assert "Rebuilt were the profiles" in capsys.readouterr().out
    assert persons() == of("user:u", "user:v")


def test_what_cannot_be_done_is_said(two: tuple[int, int]) -> None:
    with pytest.raises(CommandError, match="no profile 99999"):
        call_command("merge_profiles", str(two[0]), "99999")
    with pytest.raises(CommandError, match="no merge 99999"):
        call_command("undo_merge", "99999")
    call_command("merge_profiles", *map(str, two))
    number = str(Merge.objects.get().pk)
    call_command("undo_merge", number)
    with pytest.raises(CommandError, match="was undone"):
        call_command("undo_merge", number)


def test_other_limits_are_applied_to_everybody(capsys: Any, settings: Any) -> None:
    for device in "abc":
        shortcuts.identify(user_id="u", anonymous_id=device)
    drain()
    call_command("resolve_identities")
    assert "0 profiles changed." in capsys.readouterr().out
    settings.PERSONALIZATION_IDENTITY_LIMITS = {"user": 1, "anonymous": 1}
    call_command("resolve_identities", "--verbosity", "0")
    assert capsys.readouterr().out == "3 profiles changed.\n"
    assert len(persons()) == 3
