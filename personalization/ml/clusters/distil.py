"""A group as a rule that people read and edit: a few conditions on features.

A shallow tree learns who is in the group, gives up the questions that say next to nothing, gets
round thresholds, and is written down as a rule (boxes.py). Its figures say how far the rule and
the group are the same people, also of people that the tree did not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _

from personalization.exceptions import InvalidRule
from personalization.ml.arrays import Doubles, Flags
from personalization.ml.base import Config, Options
from personalization.ml.clusters.boxes import Speaker, rule_of
from personalization.ml.clusters.rows import shaped
from personalization.ml.clusters.shallow import Tree, f1, learned, says, simplified
from personalization.ml.clusters.speaking import says_age, speaker_of
from personalization.ml.unfit import UnfitData
from personalization.rules.catalogue import Catalogue
from personalization.rules.parse import check, parse
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class DistilConfig(Config):
    bounds = {
        "questions": (1, 6), "smallest": (0, 0.2), "given_up": (0, 0.2), "rounds": (0, 200),
        "faithful": (0, 1),
    }  # fmt: skip

    #: Questions on a way through the tree, at most.
    questions: int = 4
    #: Share of the rows that an end of the tree has at least.
    smallest: float = 0.005
    #: How much of F1 may be given up for fewer questions and rounder thresholds.
    given_up: float = 0.01
    #: Trainings on rows drawn anew.
    rounds: int = 10
    #: F1 below which a rule is not the group.
    faithful: float = 0.7


@dataclass(frozen=True, kw_only=True)
class Distilled:
    """A rule, and how far it and the group are the same people."""

    rule: JsonObject
    tree: Tree
    #: Columns of the tree, by their names.
    features: tuple[str, ...]
    #: Rows the rule holds for, and their share.
    size: int
    share: float
    #: Share of those the rule finds who are in the group, and of the group that it finds.
    precision: float
    recall: float
    f1: float
    #: Mean F1 on rows that were not drawn, of trainings on rows drawn anew; None: there was none.
    unseen_f1: float | None
    #: How far the rules of those trainings find the same people as this one (mean F1).
    stability: float | None

    def says(self, rows: Doubles) -> Flags:
        """Return whether the rule holds for each of `rows` (n × features of the tree)."""
        return says(self.tree, rows)

    def remarks(self, config: DistilConfig) -> tuple[str, ...]:
        """Return, in sentences, what to know before the rule is used for the group."""
        if self.f1 >= config.faithful:
            return ()
        return (
            _("The rule finds %(recall)s of the group, and of those it finds %(precision)s are in it.")
            % {"recall": f"{self.recall:.0%}", "precision": f"{self.precision:.0%}"},
        )  # fmt: skip


def distil(
    rows: Doubles,
    members: Flags,
    *,
    features: Sequence[str],
    catalogue: Catalogue,
    config: DistilConfig,
    options: Options,
) -> Distilled:
    """Return a rule for the `members` (n) among `rows` (n × features, as they are before any
    cleaning; NaN: not known). Features that no rule can ask for are left out.

    :raises UnfitData: if a feature is infinite, or no rule tells the members from the others.
    """
    rows = shaped(rows, features=tuple(features))
    spoken = {
        place: speaker
        for place, name in enumerate(features)
        if (speaker := speaker_of(name, catalogue)) is not None
    }
    if not spoken:
        raise UnfitData(f"No rule can ask for any of the features {', '.join(features)}.")
    if members.all() or not members.any():
        raise UnfitData(
            f"{int(members.sum())} of {len(members)} are in it: nothing tells them apart."
        )
    columns = list(spoken)
    rows = rows[:, columns]
    if (endless := np.isinf(rows).any(axis=0)).any():
        raise UnfitData(f"“{features[columns[int(endless.argmax())]]}” is infinite in some rows.")
    speakers = [spoken[column] for column in columns]
    rule, tree = _written(rows, members, speakers, catalogue, config, options)
    said = says(tree, rows)
    days = _in_days(speakers)
    drawn = _drawn_anew(rows, members, said, days=days, config=config, options=options)
    both = int((said & members).sum())
    return Distilled(
        rule=rule,
        tree=tree,
        features=tuple(features[column] for column in columns),
        size=int(said.sum()),
        share=float(said.mean()),
        precision=both / int(said.sum()),
        recall=both / int(members.sum()),
        f1=f1(said, members),
        unseen_f1=_mean([unseen for unseen, _same in drawn]),
        stability=_mean([same for _unseen, same in drawn]),
    )


def _written(
    rows: Doubles,
    members: Flags,
    speakers: Sequence[Speaker],
    catalogue: Catalogue,
    config: DistilConfig,
    options: Options,
) -> tuple[JsonObject, Tree]:
    """Return the rule of as many questions as allowed, if it can be used, or of fewer."""
    reason = "no question tells them from the others"
    days = _in_days(speakers)
    for questions in range(config.questions, 0, -1):
        tree = _tree(rows, members, questions=questions, days=days, config=config, options=options)
        rule = rule_of(tree, lambda column: speakers[column])
        if rule is None or not says(tree, rows).any():
            continue
        try:
            problems = check(parse(rule), catalogue)
        except InvalidRule as error:
            problems = list(error.problems)
        if not problems:
            return rule, tree
        reason = problems[0].message
    raise UnfitData(f"There is no rule for these {int(members.sum())}: {reason}.")


def _in_days(speakers: Sequence[Speaker]) -> frozenset[int]:
    """Return the places of those that say how long ago something was."""
    return frozenset(place for place, each in enumerate(speakers) if says_age(each))


def _tree(
    rows: Doubles,
    members: Flags,
    *,
    questions: int,
    days: frozenset[int],
    config: DistilConfig,
    options: Options,
) -> Tree:
    smallest = int(config.smallest * len(rows))
    tree = learned(rows, members, depth=questions, smallest=smallest, seed=options.seed)
    least = f1(says(tree, rows), members) - config.given_up
    return simplified(tree, rows, members, least=least, days=days)


def _drawn_anew(
    rows: Doubles,
    members: Flags,
    said: Flags,
    *,
    days: frozenset[int],
    config: DistilConfig,
    options: Options,
) -> list[tuple[float, float]]:
    """Return, for trees of rows drawn anew, their F1 on rows not drawn and how far they agree
    with what was `said`."""
    rng = options.rng()
    found = []
    for _round in range(config.rounds):
        drawn = rng.integers(len(rows), size=len(rows))
        unseen = np.ones(len(rows), np.bool_)
        unseen[drawn] = False
        tree = _tree(
            rows[drawn],
            members[drawn],
            questions=config.questions,
            days=days,
            config=config,
            options=options,
        )
        again = says(tree, rows)
        found.append((f1(again[unseen], members[unseen]), f1(again, said)))
    return found


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
