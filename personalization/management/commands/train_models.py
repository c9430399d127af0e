"""Train models now; the twin of the Celery tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.ml.models import ModelVersion
from personalization.ml.training.attempts import (
    Attempt,
    open_trainings,
    request,
    request_due,
    take,
)
from personalization.ml.training.figures import figures, headline
from personalization.ml.training.known import plan_of, planned
from personalization.ml.training.overview import ModelState, model_states
from personalization.ml.training.plans import Plan, UnknownPlan
from personalization.ml.training.renewal import refresh_models
from personalization.ml.training.schedule import due
from personalization.ml.training.train import (
    MODES,
    CannotTrain,
    Mode,
    can_train,
    give_up_unplanned,
    train,
)


class Command(BaseCommand):
    help = "Train models, and let those serve that are good enough."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="*", help="Models (default: all that have a plan).")
        parser.add_argument(
            "--promote", choices=MODES, default="auto",
            help="Whether what was trained serves: if it is good enough (auto, the default).",
        )  # fmt: skip
        parser.add_argument(
            "--due", action="store_true", help="Only what is due by now or was asked for."
        )
        parser.add_argument(
            "--refresh", action="store_true",
            help="Train nothing; bring what serves up to what was logged since.",
        )  # fmt: skip
        parser.add_argument("--list", action="store_true", help="Say how each model stands.")
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            plans = [plan_of(name) for name in options["name"]] or list(planned().values())
        except UnknownPlan as error:
            raise CommandError(str(error), returncode=2) from None
        if options["list"]:
            names = {plan.name for plan in plans} if options["name"] else None
            self._list(names, now=now, as_json=options["json"])
            return
        if not can_train():
            raise CommandError(str(CannotTrain()))
        if options["refresh"]:
            self._refresh(now=now, as_json=options["json"])
            return
        if options["due"]:
            if not options["name"]:
                give_up_unplanned(now=now)
            plans = _due(plans, now=now)
        self._train(plans, if_due=options["due"], mode=options["promote"], as_json=options["json"])

    def _train(self, plans: Sequence[Plan], *, if_due: bool, mode: Mode, as_json: bool) -> None:
        versions: list[ModelVersion] = []
        busy: list[str] = []
        try:
            for plan in plans:
                now = timezone.now()
                version = request_due(plan, now=now) if if_due else request(plan, now=now)
                if version is None:
                    continue  # another worker has trained it since it was looked what is due
                if (attempt := take(version, now=now)) is None:
                    busy.append(plan.name)
                else:
                    versions.append(self._trained(attempt, plan, mode=mode))
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None
        if as_json:
            report = {"versions": [as_data(each) for each in versions], "busy": busy}
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n".join(line for each in versions for line in lines_of(each)))
        for name in busy:
            self.stderr.write(f"{name}: another worker is at it.")
        states = ModelVersion.Status
        if busy or any(each.status in (states.FAILED, states.LACKING) for each in versions):
            raise SystemExit(1)

    def _trained(self, attempt: Attempt, plan: Plan, *, mode: Mode) -> ModelVersion:
        told: list[str] = []

        def tell(share: float, words: str) -> None:
            if words not in told[-1:]:
                told.append(words)
                self.stderr.write(f"{plan.name}: {share:.0%} {words}")

        return train(attempt, plan, mode=mode, progress=tell)

    def _refresh(self, *, now: datetime, as_json: bool) -> None:
        n = refresh_models(now=now)
        self.stdout.write(json.dumps({"refreshed": n}) if as_json else f"{n} models refreshed.")

    def _list(self, names: set[str] | None, *, now: datetime, as_json: bool) -> None:
        states = [each for each in model_states(now=now) if names is None or each.name in names]
        if as_json:
            data = {"models": [_state_as_data(each) for each in states]}
            self.stdout.write(json.dumps(data, ensure_ascii=False, indent=2))
            return
        for state in states:
            self.stdout.write("\n".join(_state_lines(state)))


def _due(plans: Sequence[Plan], *, now: datetime) -> list[Plan]:
    asked = set(open_trainings().values_list("name", flat=True))
    found = due(plans, now=now)
    return found + [plan for plan in plans if plan.name in asked and plan not in found]


def as_data(version: ModelVersion) -> dict[str, Any]:
    """Return what there is to tell of a version, for JSON."""
    return {
        "name": version.name,
        "version": version.number,
        "status": version.status,
        "algorithm": version.algorithm,
        "since": version.window_from.isoformat() if version.window_from else None,
        "until": version.window_until.isoformat() if version.window_until else None,
        "rows": version.rows,
        "metrics": version.metrics,
        "remarks": version.remarks,
        "error": version.error,
    }


def lines_of(version: ModelVersion) -> Iterator[str]:
    """Yield what there is to tell of a version, in lines."""
    yield f"{version}: {version.get_status_display()}, {version.rows:,} rows"
    for figure in figures(version.metrics):
        yield f"  {figure}"
    for sentence in filter(None, (*version.remarks, version.error)):
        yield f"  {sentence}"


def _state_as_data(state: ModelState) -> dict[str, Any]:
    return {
        "name": state.name,
        "serving": as_data(state.serving) if state.serving else None,
        "newest": as_data(state.newest) if state.newest else None,
        "in_training": state.open.number if state.open else None,
        "next": state.next_at.isoformat() if state.next_at else None,
        "warnings": list(state.warnings),
    }


def _state_lines(state: ModelState) -> Iterator[str]:
    if state.serving:
        figure = headline(state.serving.metrics)
        yield f"{state.name}: version {state.serving.number} serves, {figure}"
    else:
        yield f"{state.name}: nothing serves"
    if state.open:
        yield (
            f"  version {state.open.number} is in training, {state.open.progress:.0%} "
            f"{state.open.progress_words}".rstrip()
        )
    if state.newest and state.newest != state.serving:
        yield from (f"  {line}" for line in lines_of(state.newest))
    if state.next_at:
        yield f"  trained anew at {state.next_at:%Y-%m-%d %H:%M %Z}"
    yield from (f"  {sentence}" for sentence in state.warnings)
