"""The groups of a version with their pictures, read from its artefact."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.ml.artefact import CorruptArtefact
from personalization.ml.clusters.hierarchical import Hierarchical
from personalization.ml.clusters.naming import NOTABLE, Difference
from personalization.ml.clusters.personas import Personas
from personalization.ml.clusters.pictures import (
    MOST_BRANCHES,
    choice_pictures,
    dendrogram,
    legend_mark,
    scatter_picture,
)
from personalization.ml.features.definitions import UnknownFeature, definition_of
from personalization.ml.models import ModelVersion
from personalization.ml.training.clustering import stored
from personalization.ml.training.groups import GroupShown, GroupsShown, NoGroups, said_rule

#: Differences that are told of a group.
_TOLD = 4


def drawn(version: ModelVersion) -> GroupsShown:
    """Return what a page tells of the groups of a version.

    :raises NoGroups: if the artefact is gone or damaged.
    """
    try:
        model = stored(version)
    except CorruptArtefact as error:
        raise NoGroups(str(error)) from error
    groups = [_shown(model, place) for place in range(len(model.ids))]
    return GroupsShown(
        groups=groups,
        pictures=list(_pictures(model)),
        outside=max(0.0, 1 - sum(model.shares)),
        agreement=model.agreement,
        cleaning=model.cleaning.sentences(),
    )


def _shown(model: Personas, place: int) -> GroupShown:
    one = model.ids[place]
    notable = [each for each in model.differences[place] if abs(each.by) >= NOTABLE]
    return GroupShown(
        id=one,
        name=model.names[one],
        mark=legend_mark(place),
        share=model.shares[place],
        differences=[_in_words(each) for each in notable[:_TOLD]],
        said=said_rule(model.rules.get(one)),
    )


def _in_words(difference: Difference) -> str:
    try:
        label = definition_of(difference.feature).label
    except UnknownFeature:
        label = difference.feature
    above, below = _("%(what)s %(by)s above the mean"), _("%(what)s %(by)s below the mean")
    words = above if difference.by > 0 else below
    return words % {"what": label, "by": f"{abs(difference.by):.1f} σ"}


def _pictures(model: Personas) -> Iterator[SafeString]:
    names = [model.names[one] for one in model.ids]
    yield scatter_picture(model.points, model.groups, names=names)
    if model.choice is not None and len(model.choice.tried) > 1:
        yield from choice_pictures(model.choice).values()
    tree = model.clusterer
    if isinstance(tree, Hierarchical) and 2 <= len(tree.branches) <= MOST_BRANCHES:
        yield dendrogram(tree.merges, tree.branches, k=len(model.ids))
