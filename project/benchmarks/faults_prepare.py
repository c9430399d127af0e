"""What the site that is killed starts with."""

from __future__ import annotations

from django.core.management import call_command

from personalization.events.models import Source
from personalization.events.write_keys import add_write_key
from project.shop.seed import seed_segments


def prepare(key: str) -> None:
    """Make the tables, a server source with the write key, and segments to keep."""
    call_command("migrate", verbosity=0, skip_checks=True)
    add_write_key(Source.objects.create(slug="faults", name="Faults", kind="server"), key=key)
    seed_segments()
