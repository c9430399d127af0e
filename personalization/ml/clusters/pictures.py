"""What groups look like: how many were tried, where their members lie, how they grew together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.ml.arrays import Doubles, Indices
from personalization.ml.clusters import svg
from personalization.ml.clusters.choose import Choice, ChoiceConfig, Tried
from personalization.ml.clusters.svg import (
    across,
    curve,
    dot,
    line,
    mark,
    picture,
    ring,
    upwards,
    words,
)

#: Marks that a picture has at most.
MOST_POINTS = 2000
#: Branches that a tree is drawn with at most.
MOST_BRANCHES = 200


@dataclass(frozen=True, kw_only=True)
class _Figure:
    title: str
    value: Callable[[Tried], float]
    #: What is better, in words; and the number of groups that is the best by it.
    better: str
    best: int
    #: What is needed of it at least, if anything is.
    least: float | None = None


def choice_pictures(
    choice: Choice, *, stable: float = ChoiceConfig().stable
) -> Mapping[str, SafeString]:
    """Return a curve over the number of groups for each figure it was chosen by, by a name.

    The number that was chosen is a dot in another colour, the best of each figure has a ring;
    `stable` is the agreement from which groups come out again.
    """
    figures = {
        "stability": _Figure(
            title=_("How far two trainings agree"),
            value=lambda tried: tried.agreement,
            better=_("more is better; groups come out again from %(stable)s on")
            % {"stable": f"{stable:g}"},
            best=_best(choice, lambda tried: tried.agreement),
            least=stable,
        ),
        "silhouette": _Figure(
            title=_("How far groups lie apart (silhouette)"),
            value=lambda tried: tried.silhouette,
            better=_("more is better"),
            best=_best(choice, lambda tried: tried.silhouette),
        ),
        "davies-bouldin": _Figure(
            title=_("How wide groups are for their distance (Davies-Bouldin)"),
            value=lambda tried: tried.davies_bouldin,
            better=_("less is better"),
            best=_best(choice, lambda tried: -tried.davies_bouldin),
        ),
        "elbow": _Figure(
            title=_("What is left around the means (elbow)"),
            value=lambda tried: tried.scatter,
            better=_("after %(k)s groups, further ones help least") % {"k": choice.elbow},
            best=choice.elbow,
        ),
    }
    return {name: _curve(name, figure, choice) for name, figure in figures.items()}


def _best(choice: Choice, value: Callable[[Tried], float]) -> int:
    return max(choice.tried, key=value).k


def _curve(name: str, figure: _Figure, choice: Choice) -> SafeString:
    ks = [each.k for each in choice.tried]
    values = [figure.value(each) for each in choice.tried]
    needed = [] if figure.least is None else [figure.least]
    x, y = across(ks), upwards([*values, *needed], from_zero=True)
    points = [(x.at(k), y.at(value)) for k, value in zip(ks, values, strict=True)]
    floor = y.at(y.least)
    parts = [
        line(x.at(ks[0]), floor, x.at(ks[-1]), floor, kind="axis"),
        *(words(x.at(k), f"{svg.HEIGHT - 12}", str(k)) for k in ks),
        *(words(f"{svg.LEFT - 8}", y.at(v), _shown(v), anchor="end") for v in (y.least, y.most)),
        *(line(x.at(ks[0]), y.at(v), x.at(ks[-1]), y.at(v), kind="cut") for v in needed),
        curve(points),
        *(
            ring(*point, text=_("%(k)s is the best here") % {"k": k})
            for point, k in zip(points, ks, strict=True)
            if k == figure.best
        ),
        *(
            dot(*point, kind="chosen" if k == choice.k else "tried", text=f"{k}: {_shown(value)}")
            for point, k, value in zip(points, ks, values, strict=True)
        ),
    ]
    told = "; ".join(
        _("%(k)s groups: %(value)s") % {"k": k, "value": _shown(value)}
        for k, value in zip(ks, values, strict=True)
    )
    chosen = _("%(k)s were chosen.") % {"k": choice.k}
    best = _("The best here, in a ring, is %(best)s.") % {"best": figure.best}
    return picture(
        f"pz-{name}",
        parts,
        title=figure.title,
        note=figure.better,
        description=f"{figure.better}. {told}. {best} {chosen}",
    )


def scatter_picture(
    points: Doubles, groups: Indices, *, names: Sequence[str], kept: Sequence[float] = ()
) -> SafeString:
    """Return where `points` (n × 2) lie, each marked by its group (n; -1: none).

    `names` are those of the groups, by number; `kept` is the share of all differences that
    each direction shows. Of more than `MOST_POINTS` points, the first are drawn.
    """
    points, groups = points[:MOST_POINTS], groups[:MOST_POINTS]
    x, y = across(points[:, 0].tolist()), upwards(points[:, 1].tolist())
    marks = [
        mark(x.at(a), y.at(b), int(group))
        for (a, b), group in zip(points.tolist(), groups, strict=True)
    ]
    sizes = [int((groups == number).sum()) for number in range(len(names))]
    told = "; ".join(
        _("%(name)s: %(n)s marks") % {"name": name, "n": n}
        for name, n in zip(names, sizes, strict=True)
    )
    shown = f" {_('Both directions together show %(share)s of all differences.')}" if kept else ""
    return picture(
        "pz-scatter",
        marks,
        title=_("Where visitors lie, by what tells most of them apart"),
        description=f"{told}.{shown % {'share': f'{sum(kept):.0%}'} if kept else ''}",
    )


def legend_mark(number: int) -> SafeString:
    """Return the mark of a group as a small picture that says nothing: its name stands beside."""
    return svg.legend(mark("8", "8", number))


def dendrogram(
    merges: Doubles, branches: Doubles, *, k: int, names: Sequence[str] = ()
) -> SafeString:
    """Return how groups grew together, the last steps at the top.

    `merges` (branches - 1 × 4) and `branches` are those of a hierarchical clusterer, at most
    `MOST_BRANCHES`; a line is drawn where `k` groups are cut off.
    """
    if not 2 <= len(branches) <= MOST_BRANCHES or len(merges) != len(branches) - 1:
        raise ValueError(
            f"A tree of {len(branches)} branches and {len(merges)} steps cannot be drawn; "
            f"allowed: 2 to {MOST_BRANCHES} branches."
        )
    places, heights = _laid_out(merges, len(branches))
    x = across([0.0, float(len(branches) - 1)])
    y = upwards([0.0, float(merges[-1, 2])])
    parts = []
    for step, (one, other) in enumerate(merges[:, :2].astype(int).tolist()):
        top = y.at(heights[len(branches) + step])
        parts += [
            line(x.at(places[side]), y.at(heights[side]), x.at(places[side]), top, kind="branch")
            for side in (one, other)
        ]
        parts.append(line(x.at(places[one]), top, x.at(places[other]), top, kind="branch"))
    cut = _cut(merges, k)
    if cut is not None:
        parts.append(line(x.at(x.least), y.at(cut), x.at(x.most), y.at(cut), kind="cut"))
    steps = [f"{height:.3g}" for height in merges[::-1, 2][: max(k, 2)].tolist()]
    return picture(
        "pz-dendrogram",
        parts,
        title=_("How groups grew together"),
        description=_(
            "%(n)s branches of %(rows)s visitors; the last steps were at distances of "
            "%(steps)s. The line cuts %(k)s groups off."
        )
        % {
            "n": len(branches), "rows": int(branches.sum()), "steps": ", ".join(steps), "k": k,
        },
    )  # fmt: skip


def _laid_out(merges: Doubles, n: int) -> tuple[list[float], list[float]]:
    """Return the place from left to right, and the height, of branches and then of steps."""
    order: list[int] = []
    stack = [n + len(merges) - 1]
    pairs = merges[:, :2].astype(int).tolist()
    while stack:
        node = stack.pop()
        if node < n:
            order.append(node)
        else:
            stack += reversed(pairs[node - n])
    places = [0.0] * n
    for place, branch in enumerate(order):
        places[branch] = float(place)
    heights = [0.0] * n
    for (one, other), height in zip(pairs, merges[:, 2].tolist(), strict=True):
        places.append((places[one] + places[other]) / 2)
        heights.append(height)
    return places, heights


def _cut(merges: Doubles, k: int) -> float | None:
    """Return the height between the steps that leave `k` groups; None: it is below the tree."""
    if not 2 <= k <= len(merges):
        return None
    return float(merges[-k, 2] + merges[-k + 1, 2]) / 2


def _shown(value: float) -> str:
    """Return the number in six characters or less, for there is no room for more."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.0f}{letter}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
