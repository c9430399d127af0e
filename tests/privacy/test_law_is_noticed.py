"""The state machine of law 6 looks: with each of these holes in the code, it finds one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from personalization.delivery import visitor
from personalization.ingest import permission, views
from personalization.privacy import consent
from personalization.profiles.models import Snapshot
from tests.privacy.test_law_of_consent import LawOfConsent

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

#: More than the law itself gets, and always the same; it ends with the first that is found.
_settings = settings(
    max_examples=100,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=[*HealthCheck],
    phases=[Phase.generate],
)


def _server_ignores_that_a_browser_objects(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(views, "_objects", lambda request: False)


def _pages_ignore_that_a_browser_objects(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(visitor, "objects", lambda meta: False)
    patch.setattr("personalization.privacy.answers.objects", lambda meta: False)


def _snapshot_keeps_what_is_withdrawn(patch: pytest.MonkeyPatch) -> None:
    counted = consent.profile_consents

    @wraps(counted)
    def only_more(profile_id: int, **named: Any) -> dict[str, bool]:
        before = Snapshot.objects.get(pk=profile_id).consents
        return {**before, **counted(profile_id, **named)}

    patch.setattr(consent, "profile_consents", only_more)


def _events_are_kept_without_a_yes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(permission.Permissions, "allow", lambda *_, **__: True)


def _slots_ask_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(visitor.Visitor, "_consented", True)


HOLES: list[Callable[[pytest.MonkeyPatch], None]] = [
    _server_ignores_that_a_browser_objects,
    _pages_ignore_that_a_browser_objects,
    _snapshot_keeps_what_is_withdrawn,
    _events_are_kept_without_a_yes,
    _slots_ask_nobody,
]


@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: hole.__name__.strip("_"))
def test_a_hole_in_the_law_is_found(
    hole: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    hole(monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(LawOfConsent, settings=_settings)
