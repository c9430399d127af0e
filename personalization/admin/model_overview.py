"""How every model is, for who owns the site: a card for each, and what needs a look above them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.admin.model_drift import MARKS
from personalization.admin.wording import ago_words, instant_words
from personalization.ml.models import ModelVersion
from personalization.ml.training.figures import headline_words
from personalization.ml.training.list_clicks import Clicks
from personalization.ml.training.model_health import ModelHealth, health_of
from personalization.ml.training.overview import ModelState, model_states
from personalization.ml.training.sequence_plan import ALGORITHM as SEQUENCES
from personalization.ml.verdicts import ColumnDrift

_Status = ModelVersion.Status


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something that needs a look, in a sentence, and the version that it is about."""

    name: str
    version: ModelVersion
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """A model with what there is to tell of it: name of a fact → words."""

    state: ModelState
    alerts: tuple[Alert, ...]
    facts: tuple[tuple[str, SafeString | str], ...]

    @property
    def mark(self) -> tuple[str, str]:
        """How it is in a word, and how that looks."""
        if self.alerts:
            return "broken", _("look")
        if self.state.open:
            return "pending", _("in training")
        if self.state.serving:
            return "fresh", _("well")
        newest = self.state.newest
        if newest is not None and newest.status == _Status.LACKING:
            return "pending", _("waits for more data")
        return "off", _("nothing serves")

    @property
    def may_be_trained(self) -> bool:
        return self.state.plan is not None and self.state.open is None


def cards(*, now: datetime) -> Sequence[Card]:
    """Return a card for each model; as many queries as `model_states` takes."""
    return [_card(state, now=now) for state in model_states(now=now)]


def _card(state: ModelState, *, now: datetime) -> Card:
    health = health_of(state.serving) if state.serving else None
    return Card(
        state=state,
        alerts=tuple(_alerts(state, health)),
        facts=tuple((name, words) for name, words in _facts(state, health, now=now) if words),
    )


def _alerts(state: ModelState, health: ModelHealth | None) -> Iterator[Alert]:
    serving, newest = state.serving, state.newest
    if serving is not None:
        # Of what is damaged, that nobody knows whether it drifts goes without saying.
        found = _watched_alerts(health) if health and not state.is_damaged else ()
        sentences = [*state.warnings, *found]
        for sentence in sentences:
            yield Alert(name=state.name, version=serving, sentence=sentence)
    if newest is not None and newest.status == _Status.FAILED:
        text = _("Its last training failed: %(why)s") % {"why": newest.error}
        yield Alert(name=state.name, version=newest, sentence=text)


def _watched_alerts(health: ModelHealth) -> Iterator[str]:
    """Yield what the last look for drift found that cannot be left as it is: what has only moved
    is told in the card."""
    if health.problem:
        yield _("Nobody knows whether it drifts: %(why)s") % {"why": health.problem}
    if health.verdict == "drifted":
        yield _("It has drifted: %(what)s") % {"what": " ".join(_moved(health))}
    if health.clicks is not None:
        yield from health.clicks.remarks()


def _moved(health: ModelHealth) -> Iterator[str]:
    """Yield what has drifted, in sentences."""
    if health.furthest is not None and health.inputs == "drifted":
        yield health.furthest.sentence()
    if health.scores == "drifted":
        yield _("What it says of visitors is spread otherwise than it was.")
    if health.slow is not None and health.slowly == "drifted":
        slow = _furthest(health.slow.columns)
        since = {"at": f"{health.slow.since:%Y-%m-%d}", "what": slow.sentence() if slow else ""}
        yield _("Since %(at)s: %(what)s") % since
    if health.calibration is not None and health.calibration.drift.verdict == "drifted":
        yield _begun(health.calibration.sentence())


def _furthest(columns: Sequence[ColumnDrift]) -> ColumnDrift | None:
    return max(columns, key=lambda each: each.psi, default=None)


# -- facts ---------------------------------------------------------------------------------


def _facts(
    state: ModelState, health: ModelHealth | None, *, now: datetime
) -> Iterator[tuple[str, SafeString | str]]:
    serving = state.serving
    yield _("Serves"), _serves(serving, now=now) if serving else _("nothing yet")
    yield _("Asked about"), _asked(state.scored) if state.scored is not None else ""
    yield _("How good it is"), headline_words(serving.metrics) if serving else ""
    yield _("Last training"), _last_training(state)
    if serving is not None and health is not None:
        yield _("Drift"), _drift(health)
        yield _("Calibration"), _calibration(health)
        yield _("Lists lead to an item"), _clicks(health.clicks) if health.clicks else ""
    yield _("Next training"), _next_training(state, now=now)


def _serves(version: ModelVersion, *, now: datetime) -> SafeString:
    age = _("begun %(ago)s") % {"ago": ago_words(version.created_at, now=now)}
    return format_html("{}, {}", _link(version), age)


def _asked(share: float) -> str:
    percent = int(100 * share)  # 100 % are all of them, and not nearly all
    return _("%(percent)s %% of the visitors so far; then segments that ask it are complete") % {
        "percent": percent
    }


def _last_training(state: ModelState) -> SafeString | str:
    newest = state.newest
    if newest is None:
        return _("none yet")
    return format_html("{} {}", _link(newest), _outcome(newest, state.refused))


def _outcome(version: ModelVersion, refused: Sequence[str]) -> str:
    if version.status == _Status.FAILED:
        return _("failed: %(why)s") % {"why": version.error}
    if version.status == _Status.LACKING:
        return _("had too little to learn from: %(why)s") % {"why": version.error}
    if version.status == _Status.SERVING:
        return _("serves.")
    if version.status == _Status.RETIRED:
        return _("served, until somebody went back to the one before.")
    if refused:
        return _("was refused. %(why)s") % {"why": " ".join(refused)}
    return _("is good enough, and waits for somebody to let it serve.")


def _drift(health: ModelHealth) -> SafeString | str:
    if health.checked_at is None and health.version.algorithm == SEQUENCES:
        return _("is not looked for: it is asked about nobody")
    if health.checked_at is None:
        return _("not looked for yet; a worker does so once a day")
    tone, word = MARKS[health.verdict]
    furthest = health.furthest.sentence() if health.furthest else health.problem
    when = _("Looked at %(at)s.") % {"at": instant_words(health.checked_at)}
    return format_html(
        '<span class="pz-state pz-state-{}">{}</span> {}',
        tone, word, format_html_join(" ", "{}", ((each,) for each in (furthest, when) if each)),
    )  # fmt: skip


def _calibration(health: ModelHealth) -> str:
    return _begun(health.calibration.sentence()) if health.calibration else ""


def _clicks(clicks: Clicks) -> str:
    if missing := clicks.missing():
        return missing
    beside = [other for other in (clicks.popularity, clicks.together) if other.lists]
    told = [f"{other.by} {other.words()}" for other in beside]
    return f"{clicks.own.words()}; {'; '.join(told)}" if told else clicks.own.words()


def _next_training(state: ModelState, *, now: datetime) -> str:
    if state.open is not None:
        return ""
    if state.next_at is None:
        return _("there is no plan any more")
    return instant_words(state.next_at) if state.next_at > now else _("as soon as a worker is free")


def _link(version: ModelVersion) -> SafeString:
    words = _("version %(n)s") % {"n": version.number}
    address = reverse("admin:personalization_modelversion_change", args=(version.pk,))
    return format_html('<a href="{}">{}</a>', address, words)


def _begun(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
