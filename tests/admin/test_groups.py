"""The two groups that sites begin with."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.management.commands.personalization_groups import EDITORS, PROTECTION

pytestmark = pytest.mark.django_db


def member(group: str) -> Client:
    user = User.objects.create_user(group, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def page(model: str, name: str = "changelist", *args: object) -> str:
    return reverse(f"admin:personalization_{model}_{name}", args=args)


def test_editors_change_rules_and_places_and_see_nobody(make_segment, make_visitor):
    call_command("personalization_groups", verbosity=0)
    client = member(EDITORS)
    segment = make_segment("guests")
    assert client.get(page("segment", "change", segment.pk)).status_code == 200
    assert client.get(page("slot", "add")).status_code == 200
    for model in ("experiment", "metric", "recommendationrule"):
        assert client.get(page(model, "add")).status_code == 200
    assert client.get(page("experiment", "earnings")).status_code == 200
    assert client.post(page("experiment", "start", 0)).status_code == 302  # it may, if it is there
    for model in ("profile", "event", "consent", "deadletter", "auditentry"):
        assert client.get(page(model)).status_code == 403
    assert client.get(page("profile", "change", make_visitor().pk)).status_code == 403


def test_editors_write_and_delete_rules_for_recommendations():
    call_command("personalization_groups", verbosity=0)
    client = member(EDITORS)
    said = {
        "name": "Ours", "action": "exclude", "target": "item", "value": "hat", "factor": "2",
        "position": "1",
    }  # fmt: skip
    assert client.post(page("recommendationrule", "add"), said).status_code == 302
    rule = RecommendationRule.objects.get()
    change = page("recommendationrule", "change", rule.pk)
    assert client.post(change, {**said, "name": "Theirs"}).status_code == 302
    rule.refresh_from_db()
    assert rule.name == "Theirs"
    client.post(page("recommendationrule", "delete", rule.pk), {"post": "yes"})
    assert not RecommendationRule.objects.exists()


def test_data_protection_sees_people_and_changes_no_rule(make_segment, make_visitor):
    call_command("personalization_groups", verbosity=0)
    client = member(PROTECTION)
    segment = make_segment("guests")
    for model in ("profile", "event", "consent", "auditentry"):
        assert client.get(page(model)).status_code == 200
    assert client.get(page("profile", "change", make_visitor().pk)).status_code == 200
    assert client.post(page("segment", "change", segment.pk), {"name": "x"}).status_code == 403
    for model in ("slot", "recommendationrule"):
        assert client.get(page(model, "add")).status_code == 403


def test_run_twice_it_says_so_and_takes_nothing_away(capsys):
    call_command("personalization_groups")
    assert "made" in capsys.readouterr().out
    group = Group.objects.get(name=EDITORS)
    before = group.permissions.count()
    group.permissions.add(Permission.objects.get(codename="view_source"))
    call_command("personalization_groups")
    assert "was there" in capsys.readouterr().out
    assert group.permissions.count() == before + 1


def test_a_permission_that_is_not_there_is_named():
    Permission.objects.get(codename="see_traits").delete()
    with pytest.raises(CommandError, match="see_traits"):
        call_command("personalization_groups", verbosity=0)
    assert not Group.objects.exists()
