"""Let bandits learn now; the twin of the Celery task."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.experiments.bandits.update import can_learn, learning, update_bandits
from personalization.experiments.models import Experiment


class Command(BaseCommand):
    help = "Let the bandits of running experiments learn from what was logged."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--list", action="store_true", help="Let nothing learn; say how each bandit stands."
        )
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        updated = None if options["list"] else self._update()
        found = [_as_data(experiment) for experiment in learning()]
        if options["json"]:
            told = {} if updated is None else {"updated": updated}
            self.stdout.write(json.dumps({**told, "bandits": found}, ensure_ascii=False, indent=2))
            return
        for one in found:
            self.stdout.write(_line_of(one))
        if updated is not None:
            self.stdout.write(f"{updated} of {len(found)} bandits have new chances.")

    def _update(self) -> int:
        if not can_learn():
            raise CommandError("numpy and scipy are not installed: pip install personalization[ml]")
        return update_bandits(now=timezone.now())


def _as_data(experiment: Experiment) -> dict[str, Any]:
    state = getattr(experiment, "bandit", None)
    content = state.content if state else {}
    return {
        "experiment": experiment.slug,
        "kind": experiment.allocation,
        "update": state.number if state else 0,
        "updated_at": state.updated_at.isoformat() if state else None,
        "units": content.get("units", 0),
        # Of a bandit that looks at who a visitor is, they differ from one to the other.
        "chances": dict(zip(content["arms"], content["chances"], strict=True))
        if content.get("chances")
        else None,
        "features": content.get("features", {}).get("names", []),
    }


def _line_of(one: dict[str, Any]) -> str:
    line = f"{one['experiment']}: {one['kind']}, update {one['update']}, {one['units']:,} visitors"
    if one["chances"]:
        line += ", " + ", ".join(f"{arm} {chance:.1%}" for arm, chance in one["chances"].items())
    if one["features"]:
        line += f", by {', '.join(one['features'])}"
    return line
