"""The audit log: who saw or changed what of people, and of what is decided about them."""

from __future__ import annotations

from typing import Any

from personalization.privacy.models import AuditEntry

#: Who acts where no account does.
VISITOR = "visitor"
_LONGEST = 200


def note(
    action: AuditEntry.Action,
    *,
    actor: Any = None,
    actor_name: str = "",
    kind: str,
    name: str = "",
    number: object = "",
    **detail: Any,
) -> AuditEntry:
    """Add an entry; `actor` is the account of who acts, `actor_name` who does without one.

    Of a person, `name` is empty or a pseudonym and never an id: the log outlives an erasure.
    """
    return AuditEntry.objects.create(
        action=action,
        actor=actor,
        actor_name=(actor_name or (actor.get_username() if actor else ""))[:_LONGEST],
        kind=kind,
        name=name[:_LONGEST],
        number=str(number),
        detail=detail,
    )
