"""Make the groups that sites begin with: who edits, and who answers for data protection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

#: Who decides what visitors see: rules, places and figures, and nothing that people stated.
EDITORS: Final = "Marketing editors"
#: Who answers for what is known of people: all of that, and no rule.
PROTECTION: Final = "Data protection"
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    EDITORS: (
        "view_segment", "add_segment", "change_segment", "delete_segment",
        "view_slot", "add_slot", "change_slot", "delete_slot", "preview",
        "view_variation", "add_variation", "change_variation", "delete_variation",
        "view_interestweight", "add_interestweight", "change_interestweight",
        "view_report", "view_eventschema", "view_item", "change_item",
        "view_goal", "add_goal", "change_goal",
        "view_feedbackweight", "add_feedbackweight", "change_feedbackweight",
        "view_modelversion", "train_modelversion", "promote_modelversion",
        "view_recommendationrule", "add_recommendationrule", "change_recommendationrule",
        "delete_recommendationrule",
        "view_experiment", "add_experiment", "change_experiment", "run_experiment",
        "view_arm", "add_arm", "change_arm", "delete_arm",
        "view_measure", "add_measure", "change_measure", "delete_measure",
        "view_metric", "add_metric", "change_metric",
    ),
    PROTECTION: (
        "view_profile", "see_traits", "export_profile", "erase_profile",
        "view_event", "view_consent", "manage_consents", "view_consentrecord",
        "view_consenttext", "add_consenttext", "change_consenttext",
        "view_erasure", "view_suppression", "add_suppression", "change_suppression",
        "view_auditentry", "view_merge", "view_deadletter", "view_segment", "view_webhook",
        "view_webhookdelivery", "view_source", "view_report", "publish_report",
    ),
}  # fmt: skip


class Command(BaseCommand):
    help = "Make two groups with their permissions; what else a group of that name may, it keeps."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        for name, codenames in GROUPS.items():
            found = Permission.objects.filter(
                content_type__app_label="personalization", codename__in=codenames
            )
            if missing := set(codenames) - set(found.values_list("codename", flat=True)):
                raise CommandError(
                    f"The database has no permission {', '.join(sorted(missing))}: migrate first."
                )
            group, made = Group.objects.get_or_create(name=name)
            group.permissions.add(*found)
            self.stdout.write(
                f"{name}: {'made' if made else 'was there'}, {len(found)} permissions."
            )
