"""What is older than it is kept goes, store by store, and nothing that counts goes with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.models import QuerySet

from personalization import metrics
from personalization.events.models import Source
from personalization.ingest.audience_models import AudienceCount
from personalization.ingest.models import ImportRun
from personalization.management.commands import run_worker
from personalization.monitoring.setting_values import problem_with_value
from personalization.privacy import retention
from personalization.privacy.chain import seal_records, verify_chain
from personalization.privacy.consent import record_consent
from personalization.privacy.models import (
    AuditEntry,
    Consent,
    ConsentRecord,
    Erasure,
    Mechanism,
)
from personalization.privacy.retention import grows_old, purge_personal_data, terms
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Merge, MergeSuggestion, Profile, Snapshot
from personalization.profiles.stored import Profiles
from personalization.profiles.stores import Store, stores
from personalization.segments.models import Membership, Segment, Webhook, WebhookDelivery
from personalization.tasks import purge_personal_data_task

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3000)
LATELY = NOW - timedelta(days=10)

MakeProfile = Callable[..., Profile]


def purge() -> int:
    return purge_personal_data(now=NOW)


@pytest.fixture
def visitor(make_profile: MakeProfile) -> Callable[..., Profile]:
    """Make a profile that was seen last at some time, and was there for long."""

    def make(*, last_seen: datetime | None = LONG_AGO, **fields: Any) -> Profile:
        profile = make_profile(last_seen=last_seen, **fields)
        Profile.objects.filter(pk=profile.pk).update(created_at=LONG_AGO)
        return profile

    return make


# -- profiles --------------------------------------------------------------------------------


def test_who_was_not_here_for_long_is_forgotten_with_all_that_is_theirs(
    visitor: Callable[..., Profile],
) -> None:
    visitor()
    visitor(last_seen=None)
    here = visitor(last_seen=LATELY)
    assert purge() == 2
    assert list(Profile.objects.all()) == [here]
    assert Identity.objects.get().profile == here
    assert Snapshot.objects.get().profile == here


def test_a_new_profile_without_an_event_stays(make_profile: MakeProfile) -> None:
    profile = make_profile(last_seen=None)
    Profile.objects.filter(pk=profile.pk).update(created_at=LATELY)
    assert purge() == 0


def test_of_whom_an_event_is_kept_stays(
    visitor: Callable[..., Profile], make_event: Callable[..., Any]
) -> None:
    make_event(visitor(), "Order Completed", at=NOW - timedelta(days=700))
    assert purge() == 0


def test_who_answered_since_stays(visitor: Callable[..., Profile]) -> None:
    identity = visitor().identities.get()
    Consent.objects.create(
        identity=identity, purpose="marketing", granted=True, policy_version="1",
        mechanism=Mechanism.BANNER, recorded_at=LATELY,
    )  # fmt: skip
    assert purge() == 0


@pytest.mark.parametrize(
    ("namespace", "granted", "stays"),
    [("user", False, True), ("user", True, False), ("anonymous", False, False)],
)
def test_a_refusal_stays_under_an_id_that_may_come_again(
    visitor: Callable[..., Profile], namespace: str, granted: bool, stays: bool
) -> None:
    identity = Identity.objects.create(profile=visitor(), namespace=namespace, value="u1")
    Consent.objects.create(
        identity=identity, purpose="analytics", granted=granted, policy_version="1",
        mechanism=Mechanism.API, recorded_at=LONG_AGO,
    )  # fmt: skip
    purge()
    assert Profile.objects.exists() is stays


def test_who_was_put_into_a_segment_by_hand_stays_until_taken_out(
    visitor: Callable[..., Profile], make_segment: Callable[..., Segment]
) -> None:
    member = Membership.objects.create(
        segment=make_segment("friends"), profile=visitor(), since=LONG_AGO
    )
    assert purge() == 0
    Membership.objects.filter(pk=member.pk).update(settled=True, until=LATELY)
    assert purge() == 1


def test_who_comes_back_while_it_is_at_work_stays(
    visitor: Callable[..., Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = visitor()
    held: list[int] = []

    def hold(profile_ids: list[int]) -> None:
        held.extend(profile_ids)
        Snapshot.objects.filter(profile=profile).update(last_seen=NOW)

    monkeypatch.setattr("personalization.profiles.stored.hold_inactive", hold)
    assert purge() == 0
    assert held == [profile.pk]
    assert Profile.objects.exists()


# -- what belongs to a profile ----------------------------------------------------------------


def test_memberships_go_long_after_they_were_left(
    visitor: Callable[..., Profile], make_segment: Callable[..., Segment]
) -> None:
    profile, segment = visitor(last_seen=NOW), make_segment("friends")
    common = {"profile": profile, "segment": segment, "since": LONG_AGO}
    Membership.objects.create(until=LONG_AGO, settled=True, **common)
    left = Membership.objects.create(until=LATELY, settled=True, **common)
    is_in = Membership.objects.create(until=None, **common)
    assert purge() == 1
    assert set(Membership.objects.all()) == {left, is_in}


def test_of_answers_the_newest_stays_however_old(visitor: Callable[..., Profile]) -> None:
    identity = visitor(last_seen=NOW).identities.get()
    for days, purpose in ((3, "analytics"), (2, "analytics"), (1, "marketing")):
        Consent.objects.create(
            identity=identity, purpose=purpose, granted=days == 3, policy_version="1",
            mechanism=Mechanism.BANNER, recorded_at=LONG_AGO - timedelta(days=days),
        )  # fmt: skip
    assert purge() == 1
    assert set(Consent.objects.values_list("purpose", "granted")) == {
        ("analytics", False),
        ("marketing", False),
    }


def test_open_suggestions_go_and_dismissed_ones_stay(visitor: Callable[..., Profile]) -> None:
    one, other, third = (visitor(last_seen=NOW) for _ in range(3))
    old = {"probability": 0.9, "created_at": LONG_AGO}
    MergeSuggestion.objects.create(one=one, other=other, **old)
    dismissed = MergeSuggestion.objects.create(one=one, other=third, status="dismissed", **old)
    assert purge() == 1
    assert MergeSuggestion.objects.get() == dismissed


# -- logs ---------------------------------------------------------------------------------------


def _merge(at: datetime) -> None:
    Merge.objects.create(source_profile=1, target_profile=2, cause="event", at=at)


def _delivery(at: datetime) -> None:
    webhook = Webhook.objects.create(name="crm", url="https://crm.example/", secret="s")
    WebhookDelivery.objects.create(webhook=webhook, payload={}, created_at=at)


def _receipt(at: datetime) -> None:
    Erasure.objects.create(
        scope="person", channel="self", status="done", requested_at=at, finished_at=at
    )


def _audit_entry(at: datetime) -> None:
    AuditEntry.objects.create(actor_name="ann", action="viewed", kind="profile", at=at)


def _import(at: datetime) -> None:
    source = Source.objects.create(slug=f"s{at:%Y}", name="s", kind="server")
    ImportRun.objects.create(digest=f"{at}", name="f", source=source, finished_at=at)


def _audience(at: datetime) -> None:
    AudienceCount.objects.create(day=at.date(), kind="total", views=1)


LOGS: dict[str, tuple[Any, Callable[[datetime], None]]] = {
    "merge log": (Merge, _merge), "webhook deliveries": (WebhookDelivery, _delivery),
    "receipts": (Erasure, _receipt), "audit log": (AuditEntry, _audit_entry),
    "imports": (ImportRun, _import), "audience": (AudienceCount, _audience),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LOGS))
def test_of_each_log_what_is_too_old_goes(name: str) -> None:
    model, make = LOGS[name]
    make(LONG_AGO)
    make(LATELY)
    assert purge() == 1
    assert model.objects.count() == 1


@pytest.mark.parametrize("name", sorted(LOGS))
def test_the_site_may_keep_it_shorter(settings: Any, name: str) -> None:
    settings.PERSONALIZATION_RETENTION_OF = {name: timedelta(days=5)}
    model, make = LOGS[name]
    make(LATELY)
    assert purge() == 1
    assert not model.objects.exists()


@pytest.mark.parametrize("name", sorted(LOGS))
def test_or_longer(settings: Any, name: str) -> None:
    settings.PERSONALIZATION_RETENTION_OF = {name: timedelta(days=4000)}
    LOGS[name][1](LONG_AGO)
    assert purge() == 0


def test_a_receipt_of_what_is_not_done_stays() -> None:
    Erasure.objects.create(scope="person", channel="self", requested_at=LONG_AGO)
    assert purge() == 0


# -- the consent log ------------------------------------------------------------------------------


def answers(*times: datetime) -> None:
    for at in times:
        key = Key(Identity.ANONYMOUS, f"v-{at:%Y%m%d}")
        record_consent(key, granted=frozenset(), mechanism=Mechanism.BANNER, now=at)


def places() -> list[int | None]:
    return list(ConsentRecord.objects.order_by("place").values_list("place", flat=True))


def test_the_consent_log_goes_from_its_beginning_and_stays_whole() -> None:
    answers(LONG_AGO, LONG_AGO + timedelta(days=1), LATELY)
    seal_records(now=NOW)
    purge()
    assert places() == [3]
    assert verify_chain().is_whole
    answers(NOW)
    seal_records(now=NOW)
    assert places() == [3, 4]
    assert verify_chain().is_whole


def test_an_old_entry_behind_one_that_is_kept_stays() -> None:
    answers(LONG_AGO, LATELY, LONG_AGO + timedelta(days=1))
    seal_records(now=NOW)
    purge()
    assert places() == [2, 3]
    assert verify_chain().is_whole


def test_the_last_entry_stays_for_the_next_to_follow() -> None:
    answers(LONG_AGO)
    seal_records(now=NOW)
    purge()
    assert places() == [1]


def test_what_is_not_sealed_stays() -> None:
    answers(LONG_AGO)
    purge()
    assert places() == [None]


# -- batches --------------------------------------------------------------------------------------


def test_it_goes_on_where_it_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        _merge(LONG_AGO)
    let_go, batches = Store.let_go, []

    def killed_in_the_second(store: Store, rows: QuerySet[Any]) -> int:
        batches.append(rows.count())
        n = let_go(store, rows)
        if len(batches) == 2:
            raise OperationalError("killed")
        return n

    with monkeypatch.context() as patch:
        patch.setattr(Store, "let_go", killed_in_the_second)
        with pytest.raises(OperationalError):
            purge()
    assert Merge.objects.count() == 3, "one batch is gone, and the second is as it was"
    assert purge() == 3


def test_with_a_budget_each_store_has_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        _merge(LONG_AGO)
        _audit_entry(LONG_AGO)
    assert purge_personal_data(now=NOW, budget=timedelta(0)) == 4
    assert (Merge.objects.count(), AuditEntry.objects.count()) == (3, 3)
    assert purge_personal_data(now=NOW) == 6


def test_the_worker_goes_on_round_by_round_and_then_rests_for_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(run_worker, "SLICE", timedelta(0))
    work = run_worker.Worker()
    left = []
    for minutes in (0, 1, 2, 3, 4, 70):
        if minutes in (0, 4):
            _merge(LONG_AGO)
            _merge(LONG_AGO)
            _merge(LONG_AGO)
        work(now=NOW + timedelta(minutes=minutes))
        left.append(Merge.objects.count())
    assert left == [1, 0, 0, 0, 3, 1]


def test_the_task_does_the_same() -> None:
    _merge(LONG_AGO)
    assert purge_personal_data_task() == 1


def test_what_was_deleted_is_counted() -> None:
    before = metrics.snapshot().get("retention.purged", 0)
    _merge(LONG_AGO)
    purge()
    assert metrics.snapshot()["retention.purged"] == before + 1


# -- terms ----------------------------------------------------------------------------------------


def test_every_store_that_grows_old_has_a_term() -> None:
    named = {term.name for term in terms(now=NOW)}
    assert named == {name for name, store in stores.items() if grows_old(store)}
    assert {"profiles", "consent log", "audience"} <= named


def test_the_terms_of_the_law_are_kept() -> None:
    kept_for = {term.name: term.kept_for for term in terms(now=NOW)}
    assert kept_for["audience"] <= timedelta(days=762), "the CNIL's 25 months"
    assert kept_for["consent log"] >= timedelta(days=5 * 365)


@pytest.mark.parametrize("name", ["profile", "events", "visits", "", 5])
def test_a_name_that_is_no_store_is_an_error(name: Any) -> None:
    setting = "PERSONALIZATION_RETENTION_OF"
    problem = problem_with_value(setting, {setting: {name: timedelta(days=1)}})
    assert f"{setting} names {name}" in problem
    assert "Allowed: audience, audit log, " in problem


def test_a_term_that_is_none_is_an_error() -> None:
    setting = "PERSONALIZATION_RETENTION_OF"
    for age in (timedelta(0), 5, None):
        assert "timedelta above nothing" in problem_with_value(
            setting, {setting: {"profiles": age}}
        )
    assert not problem_with_value(setting, {setting: {"profiles": timedelta(days=1)}})


def test_profiles_are_asked_for_anew_under_the_lock() -> None:
    assert Profiles.let_go is not Store.let_go


# -- the command ------------------------------------------------------------------------------------


def run(*options: str) -> str:
    out = StringIO()
    call_command("purge_personal_data", *options, stdout=out)
    return out.getvalue()


def test_a_dry_run_says_how_much_is_too_old_and_deletes_nothing() -> None:
    _merge(LONG_AGO)
    _merge(LONG_AGO)
    printed = run("--dry-run")
    assert "merge log: 2 rows from before " in printed
    assert "(750 days)" in printed
    assert "audience: 0 rows" in printed
    assert Merge.objects.count() == 2


def test_the_command_deletes_it() -> None:
    _merge(LONG_AGO)
    assert run() == "Rows deleted: 1.\n"
    assert not Merge.objects.exists()


def test_the_command_takes_nothing_else() -> None:
    with pytest.raises(CommandError):
        run("--everything")
