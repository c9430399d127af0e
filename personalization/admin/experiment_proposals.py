"""What is proposed by what was found: in a sentence, with the button that does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from personalization.admin.experiment_numbers import between_words, signed_number
from personalization.experiments.contents import Content
from personalization.experiments.models import Arm, Experiment
from personalization.experiments.results import Interval

_VARIATION = "variation:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do and why. `action` is asked by POST; empty where it is not for this user, or
    not done here. `url` leads to what it is about."""

    sentence: str
    button: str = ""
    action: str = ""
    url: str = ""


def advice_of(
    told: Any, *, contents: Mapping[str, Content], may_pause: bool, may_stop: bool
) -> list[Advice]:
    """Return what a finding of proposals says; what nobody understands is left out."""
    known = _known(told)
    slugs = [_subject(one, "experiment:") for one in known]
    rows = Experiment.objects.running().filter(slug__in=[slug for slug in slugs if slug])
    running = {row.slug: row for row in rows.prefetch_related("arms")}
    advice: list[Advice] = []
    for one in known:
        if name := _subject(one, "holdout:"):
            advice += _of_content(one, name, contents, may_pause=may_pause)
        elif experiment := running.get(_subject(one, "experiment:")):
            advice += _of_experiment(one, experiment, may_stop=may_stop)
    return advice


def holdouts_in(told: Any) -> set[str]:
    """Return the names of the holdouts that a finding of proposals is about."""
    return {name for one in _known(told) if (name := _subject(one, "holdout:"))}


def _known(told: Any) -> list[Mapping[str, Any]]:
    proposed = told.get("proposals") if isinstance(told, Mapping) else None
    if not isinstance(proposed, list):
        return []
    return [one for one in proposed if isinstance(one, Mapping)]


def _subject(proposal: Mapping[str, Any], kind: str) -> str:
    """Return the name of what a proposal is about, if that is of the kind."""
    subject = proposal.get("subject")
    if not isinstance(subject, str) or not subject.startswith(kind):
        return ""
    return subject.removeprefix(kind)


def _of_content(
    proposal: Mapping[str, Any], name: str, contents: Mapping[str, Content], *, may_pause: bool
) -> Iterator[Advice]:
    content = contents.get(name)
    if proposal.get("code") != "retire" or content is None:
        return
    words = _("“%(name)s” in %(slot)s loses: %(gained)s. Pause it.")
    told = {"name": content.words, "slot": content.slot, "gained": _gained(proposal)}
    key = name.partition("/")[2]
    number = key.removeprefix(_VARIATION)
    if not key.startswith(_VARIATION) or not number.isdecimal():
        yield Advice(sentence=f"{words % told} {_('It stands in a template.')}")
        return
    action = reverse("admin:personalization_experiment_pause", args=(int(number),))
    yield Advice(sentence=words % told, button=_("Pause it"), action=action if may_pause else "")


def _of_experiment(
    proposal: Mapping[str, Any], experiment: Experiment, *, may_stop: bool
) -> Iterator[Advice]:
    arm = _arm(experiment, _values(proposal).get("arm"))
    told = {"name": experiment.name, "arm": arm}
    match proposal.get("code"):
        case "stop":
            words = _("“%(name)s” does harm: in %(arm)s something got worse that must not. Stop it.")  # fmt: skip
        case "ship":
            words = _("“%(name)s” has an answer: %(arm)s is better. Stop it, and show that to all.")  # fmt: skip
        case _:
            return
    action = reverse("admin:personalization_experiment_stop", args=(experiment.pk,))
    url = reverse("admin:personalization_experiment_change", args=(experiment.pk,))
    yield Advice(
        sentence=words % told, button=_("Stop it"), action=action if may_stop else "", url=url
    )


def _arm(experiment: Experiment, key: Any) -> str:
    arms: Sequence[Arm] = list(experiment.arms.all())
    return next((arm.name for arm in arms if arm.key == key and arm.name), str(key or "–").upper())


def _values(proposal: Mapping[str, Any]) -> Mapping[str, Any]:
    values = proposal.get("values")
    return values if isinstance(values, Mapping) else {}


def _gained(proposal: Mapping[str, Any]) -> str:
    values = _values(proposal)
    gained = values.get("gained")
    if not isinstance(gained, int | float):
        return _("by what decides")
    interval = Interval(values.get("gained_low"), values.get("gained_high"))
    return f"{signed_number(gained)} ({between_words(interval, signed_number)})"
