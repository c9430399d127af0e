"""Every page and action of ours in the admin asks for the permission that is meant for it.

The addresses are found where Django finds them: a new page fails here until it is said who may
open it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client

from tests.hostile.addresses import Address, about, admin_addresses
from tests.hostile.world import World, made_of

pytestmark = pytest.mark.django_db

#: All of the clauses are needed; of each, one permission is enough.
Needs = tuple[frozenset[str], ...]


def any_of(*names: str) -> frozenset[str]:
    return frozenset(names)


SEGMENTS = any_of("view_segment", "change_segment", "add_segment")
SEEN_SEGMENT = any_of("view_segment", "change_segment")
SEEN_SLOT = any_of("view_slot", "change_slot")
PEOPLE = any_of("view_profile", "change_profile")
SEEN_REPORT = any_of("view_report", "change_report")

#: Addresses that are none of Django's own five.
SPECIAL: dict[str, Needs] = {
    "slot_preview": (any_of("preview"),),
    "slot_preview_end": (),  # ends what somebody else may not begin
    "slot_inspect": (any_of("preview"),),
    "slot_why": (SEGMENTS,),
    "slot_versions": (SEEN_SLOT,),
    "profile_merge": (PEOPLE, any_of("add_merge")),
    "profile_reveal": (PEOPLE, any_of("see_traits")),
    "profile_export": (PEOPLE, any_of("export_profile")),
    "profile_erase": (PEOPLE, any_of("erase_profile")),
    "consenttext_copy": (any_of("add_consenttext"),),
    "item_popular": (any_of("view_item", "change_item"),),
    "consentrecord_export": (
        any_of("view_consentrecord", "change_consentrecord"),
        any_of("manage_consents"),
    ),
    "merge_undo": (any_of("change_merge"),),
    "source_new_key": (any_of("change_source"),),
    "source_end_key": (any_of("change_source"),),
    "webhook_secret": (any_of("change_webhook"),),
    "webhook_ping": (any_of("change_webhook"),),
    "report_publish": (any_of("publish_report"),),
    "report_data_map": (SEEN_REPORT,),
    "erasure_receipt": (any_of("view_erasure"),),
    "segment_preview": (SEGMENTS,),
    "segment_count": (SEGMENTS,),
    "segment_cancel": (SEGMENTS,),
    "segment_replay": (SEGMENTS,),
    "segment_witnesses": (SEGMENTS,),
    "segment_trial": (SEGMENTS, PEOPLE),
    "segment_visitors": (SEGMENTS, PEOPLE),
    "segment_values": (SEGMENTS, PEOPLE),
    "segment_upload": (any_of("change_segment"), PEOPLE),
    "segment_download": (SEEN_SEGMENT, PEOPLE),
    "segment_versions": (SEEN_SEGMENT,),
    "segment_comparison": (SEEN_SEGMENT,),
    "segment_restore": (any_of("change_segment"),),
    "segment_templates": (any_of("add_segment"),),
    "modelversion_train": (any_of("train_modelversion"),),
    "modelversion_stop": (any_of("train_modelversion"),),
    "modelversion_promote": (any_of("promote_modelversion"),),
    "modelversion_roll_back": (any_of("promote_modelversion"),),
    "modelversion_comparison": (any_of("view_modelversion", "change_modelversion"),),
    "modelversion_groups": (any_of("view_modelversion", "change_modelversion"),),
    "modelversion_group_segment": (
        any_of("view_modelversion", "change_modelversion"),
        any_of("add_segment"),
    ),
    "modelversion_decisions": (any_of("view_modelversion", "change_modelversion"),),
    "modelversion_decision_segment": (
        any_of("view_modelversion", "change_modelversion"),
        any_of("add_segment"),
    ),
    "experiment_start": (any_of("run_experiment"),),
    "experiment_stop": (any_of("run_experiment"),),
    "experiment_earnings": (any_of("view_experiment", "change_experiment"),),
    "experiment_json": (any_of("view_experiment", "change_experiment"),),
    "experiment_csv": (any_of("view_experiment", "change_experiment"),),
    "experiment_pause": (any_of("change_variation"),),
    "modelversion_sequences": (any_of("view_modelversion", "change_modelversion"),),
    "modelversion_sequence_segment": (
        any_of("view_modelversion", "change_modelversion"),
        any_of("add_segment"),
    ),
}
#: Addresses that are asked by POST alone.
POSTED = {
    "slot_inspect", "slot_why", "slot_preview_end", "webhook_ping", "segment_restore",
    "segment_preview", "segment_count", "segment_cancel", "segment_replay", "segment_trial",
    "segment_witnesses", "profile_reveal", "consenttext_copy", "consentrecord_export",
    "modelversion_train", "modelversion_stop", "modelversion_promote", "modelversion_roll_back",
    "modelversion_group_segment", "modelversion_sequence_segment", "modelversion_decision_segment",
    "experiment_start", "experiment_stop", "experiment_pause",
}  # fmt: skip
DJANGOS = ("changelist", "change", "history", "add", "delete")


def needs_of(name: str) -> Needs:
    """Return what it takes to open the address of that name."""
    model, page = name.split("_", 1)
    if page not in DJANGOS:
        assert name in SPECIAL, f"say in SPECIAL who may open “{name}”"
        return SPECIAL[name]
    if page in ("add", "delete"):
        return (any_of(f"{page}_{model}"),)
    return (any_of(f"view_{model}", f"change_{model}"),)


@pytest.fixture
def world() -> World:
    return made_of(lambda longest: '"x"'[: longest or 3])


@pytest.fixture
def visits(world: World) -> list[tuple[str, str]]:
    """Every address of ours with its name: “segment_change”, “/admin/personalization/…”."""
    return list(_visits(world))


def _visits(world: World) -> Iterator[tuple[str, str]]:
    for model, address in admin_addresses():
        if address.name:
            yield _short(model, address), about(model, address, world)


def _short(model: type[Model], address: Address) -> str:
    return address.name.rpartition(":")[2].removeprefix("personalization_")


@pytest.fixture
def everything(db: None) -> set[str]:
    ours = Permission.objects.filter(content_type__app_label="personalization")
    return set(ours.values_list("codename", flat=True))


@pytest.fixture
def staff(sign_in: Callable[..., Client]) -> Callable[..., Client]:
    """Sign in somebody with exactly these permissions, each kind of somebody once."""
    known: dict[frozenset[str], Client] = {}

    def make(permissions: set[str] | frozenset[str]) -> Client:
        key = frozenset(permissions)
        if key not in known:
            known[key] = sign_in(*sorted(key))
        return known[key]

    return make


def knock(client: Client, name: str, address: str) -> int:
    if name in POSTED:
        return client.post(address, "{}", content_type="application/json").status_code
    return client.get(address).status_code


def test_every_page_of_every_model_is_walked(visits):
    names = {name for name, _ in visits}
    assert {"segment_change", "profile_reveal", "auditentry_changelist", "slot_why"} <= names
    assert len(names) > 100


def test_who_has_no_permission_opens_nothing(visits, staff):
    client = staff(set())
    for name, address in visits:
        if needs_of(name):
            assert (name, knock(client, name, address)) == (name, 403)


def test_who_is_not_on_the_staff_is_sent_to_the_login(visits, everything, sign_in):
    for client in (Client(), sign_in(*everything, staff=False)):
        for name, address in visits:
            assert (name, knock(client, name, address)) == (name, 302)


def test_without_the_right_permission_all_others_do_not_help(visits, staff, everything):
    for name, address in visits:
        for clause in needs_of(name):
            client = staff(everything - clause)
            assert (name, knock(client, name, address)) == (name, 403)


def test_the_right_permissions_alone_are_enough(visits, staff):
    opened = set()
    for name, address in visits:
        if name.endswith(("_add", "_delete")):
            continue  # records have neither, whatever somebody may; see below
        permissions = {min(clause) for clause in needs_of(name)}
        assert (name, knock(staff(permissions), name, address)) != (name, 403)
        opened.add(name)
    assert len(opened) > 60


def test_every_action_on_chosen_rows_says_what_it_takes():
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label != "personalization":
            continue
        for action in model_admin.actions or ():
            needed = getattr(getattr(model_admin, str(action)), "allowed_permissions", ())
            assert (model, action, bool(needed)) == (model, action, True)


@pytest.mark.parametrize("model", ["profile", "event", "consent", "auditentry", "merge"])
def test_records_are_not_added_or_deleted_by_hand_whatever_somebody_may(
    visits, staff, everything, model
):
    addresses = dict(visits)
    for page in ("add", "delete"):
        assert staff(everything).get(addresses[f"{model}_{page}"]).status_code == 403
