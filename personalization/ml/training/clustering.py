"""Learn groups of visitors from their features, keep the ids they had, and say each as a rule.

They serve if they come out again on visitors drawn anew: groups that are chance are no segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.events.models import Event
from personalization.ml.arrays import Doubles
from personalization.ml.artefact import CorruptArtefact, unpacked
from personalization.ml.base import Options
from personalization.ml.clusters.choose import ChoiceConfig
from personalization.ml.clusters.distil import DistilConfig, distil
from personalization.ml.clusters.matching import stayed
from personalization.ml.clusters.personas import Personas, PersonasConfig
from personalization.ml.consenting import CONSENTS
from personalization.ml.features.clean import faults
from personalization.ml.features.definitions import UnknownFeature, definition_of
from personalization.ml.features.table import FeatureTable, feature_table
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.learned import Learned
from personalization.ml.training.plans import Order
from personalization.ml.training.promote import Trial
from personalization.ml.unfit import TooLittleData, UnfitData
from personalization.profiles.derived import fields
from personalization.profiles.models import Snapshot
from personalization.rules.catalogue import Catalogue

#: With fewer visitors, groups are chance; of more, so many are drawn.
LEAST, MOST = 200, 10_000
#: What people are told apart by. Rules can ask for each, so that groups can be said as rules.
FEATURES = (
    "visits.count", "pages.count", "cart.adds", "orders.count", "orders.revenue",
    "engagement.seconds", "recency.event",
)  # fmt: skip
#: When each part of the work begins, as a share of all.
_READ, _GROUPED, _SAID = 0.02, 0.4, 0.85


def learn(order: Order) -> Learned:
    """Return groups of the visitors of the window, with ids and names that go on.

    :raises UnfitData: if there are too few visitors, or too little is known of them.
    """
    config = PersonasConfig.read(order.plan.config)
    previous, remarks = _previous(order)
    features = config.features or FEATURES
    model = Personas(config)
    looked_at = tuple(name for name in model.cleaning.looks_at if name not in features)
    asked = dict.fromkeys([*features, *looked_at, *(previous.features if previous else ())])
    order.progress(_READ, _("reads what visitors did"))
    known = _table(order, asked)
    table, left_out = _usable(known, features, looked_at)
    model.aside = tuple(name for name in looked_at if name in table.features)
    model.cleaning = model.cleaning.without({*features, *looked_at} - {*table.features})
    model.features = table.features
    model.labels = {name: definition_of(name).label for name in table.features}
    model.before = len(previous.ids) if previous else 0
    model.fit(table.rows, _part(order, _GROUPED, _SAID))
    kept = _followed(model, previous, known, table) if previous else None
    order.progress(_SAID, _("says groups as rules"))
    unsaid = _say(model, table, order)
    return Learned(
        model=model,
        rows=len(table),
        since=order.since,
        until=order.until,
        trial=Trial(
            metric="agreement",
            value=model.agreement,
            baseline=ChoiceConfig().stable,
            baseline_name="stable",
            n=len(table),
        ),
        metrics=_figures(model, kept),
        features_version=feature_table((), features=model.features).version,
        remarks=(*remarks, *left_out, *model.remarks(), *unsaid),
    )


def _previous(order: Order) -> tuple[Personas | None, tuple[str, ...]]:
    """Return the groups that serve, and why they cannot be gone on with, if so."""
    if order.serving is None:
        return None, ()
    try:
        model = stored(order.serving)
        for name in model.features:
            definition_of(name)
    except (CorruptArtefact, UnknownFeature) as error:
        return None, (_("Ids and names of groups begin anew: %(why)s") % {"why": error},)
    return model, ()


def stored(version: ModelVersion) -> Personas:
    """Return the groups of a version.

    :raises CorruptArtefact: if it cannot be read, or is of no groups.
    """
    content = ModelArtefact.objects.filter(version=version).values_list("content", flat=True)
    found = content.first()
    if found is None:
        raise CorruptArtefact(f"Nothing is stored of {version}.")
    model = unpacked(bytes(found), sha256=version.checksum)
    if not isinstance(model, Personas):
        raise CorruptArtefact(f"{version} has no groups: it is “{model.algorithm}”.")
    return model


def _table(order: Order, features: Sequence[str] | dict[str, None]) -> FeatureTable:
    """Return the features, as of the end of the window, of visitors that were there in it."""
    agree = there(since=order.since, until=order.until)
    ids = list(agree.order_by("pk").values_list("pk", flat=True))
    if len(ids) < LEAST:
        raise TooLittleData(
            f"Needs {LEAST} visitors who agree to personalization, has {len(ids)} since "
            f"{order.since:%Y-%m-%d}."
        )
    if len(ids) > MOST:
        drawn = Options(seed=order.seed).rng().choice(len(ids), MOST, replace=False)
        ids = [ids[place] for place in np.sort(drawn)]
    until = microseconds(order.until) - 1
    return feature_table([(pk, until) for pk in ids], features=tuple(features))


def there(*, since: datetime, until: datetime) -> QuerySet[Snapshot]:
    """Return the visitors who agree and did something in a window, whatever they did later."""
    did = Event.objects.filter(
        identity__profile=OuterRef("pk"), timestamp__gte=since, timestamp__lt=until
    )
    # Who was never added up may have been there as well.
    lately = Q(last_seen__gte=since) | Q(last_seen=None)
    return Snapshot.objects.filter(lately, Exists(did), **{CONSENTS: True})


def _usable(
    table: FeatureTable, features: Sequence[str], looked_at: Sequence[str]
) -> tuple[FeatureTable, tuple[str, ...]]:
    """Return the columns of `features`, and of those that are only `looked_at`, that something
    can be learned from, and what of the rest is to be said."""
    wanted = [*features, *looked_at]
    own = _columns(table, wanted)
    found = faults(own, wanted)
    chosen = tuple(name for name in wanted if name not in found.unusable)
    if not set(chosen) & set(features):
        raise UnfitData(f"Nothing tells visitors apart. {' '.join(found.sentences())}")
    remarks = tuple(
        _("Left out: %(what)s") % {"what": sentence}
        for sentence in replace(found, missing={}).sentences()
    )
    return replace(table, rows=_columns(table, chosen), features=chosen), remarks


def _columns(table: FeatureTable, features: Sequence[str]) -> Doubles:
    return table.rows[:, [table.features.index(name) for name in features]]


def _followed(
    model: Personas, previous: Personas, known: FeatureTable, table: FeatureTable
) -> float:
    """Take over ids and names of `previous`; return the share of those who stayed with the
    others that keep their id."""
    before = previous.score(_columns(known, previous.features))
    numbers = model.score(table.rows)
    model.follow(previous, before=before, rows=table.rows)
    same = stayed(before, numbers)
    return float((model.score(table.rows) == before)[same].mean()) if same.any() else 0.0


def _say(model: Personas, table: FeatureTable, order: Order) -> list[str]:
    """Keep the rule of each group; return what is to be said of them."""
    config = DistilConfig()
    catalogue = Catalogue(features=fields(), retention=settings.RETENTION)
    ids = model.score(table.rows)
    remarks = []
    for one in model.ids:
        try:
            found = distil(
                table.rows,
                ids == one,
                features=table.features,
                catalogue=catalogue,
                config=config,
                options=Options(seed=order.seed),
            )
        except UnfitData as error:
            remarks.append(f"{model.names[one]}: {error}")
            continue
        model.keep_rule(one, found)
        remarks += [f"{model.names[one]}: {remark}" for remark in found.remarks(config)]
    return remarks


def _figures(model: Personas, kept: float | None) -> dict[str, float]:
    figures = {"groups": float(len(model.ids))}
    if model.choice is not None:
        tried = model.choice.of(len(model.ids))
        figures |= {"silhouette": tried.silhouette, "davies_bouldin": tried.davies_bouldin}
    if rules := model.known_rules().values():
        figures["least_rule_f1"] = min(float(rule["f1"]) for rule in rules)  # type: ignore[arg-type]
    if kept is not None:
        figures["kept_ids"] = kept
    return figures


def _part(order: Order, begins: float, ends: float) -> Options:
    def tell(share: float, words: str) -> None:
        order.progress(begins + share * (ends - begins), words)

    return Options(seed=order.seed, progress=tell)
