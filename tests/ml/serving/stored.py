"""Models as they are stored once they are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Model, Options
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.recommenders.markov import Markov

SERVING, RETIRED = ModelVersion.Status.SERVING, ModelVersion.Status.RETIRED
MINUTE = 60_000_000


def store(
    model: Model[Any], *, number: int = 1, status: str = SERVING, name: str = "recommend"
) -> ModelVersion:
    """Store a version; one that serves retires the one that did."""
    if status == SERVING:
        ModelVersion.objects.filter(name=name, status=SERVING).update(status=RETIRED)
    content = packed(model)
    version = ModelVersion.objects.create(
        name=name,
        number=number,
        algorithm=model.algorithm,
        status=status,
        checksum=checksum(content),
        promoted_at=timezone.now() - timedelta(days=100 - number),
    )
    ModelArtefact.objects.create(version=version, content=content)
    return version


def spoil(version: ModelVersion) -> None:
    """Change a byte of what is stored."""
    artefact = ModelArtefact.objects.get(version=version)
    content = bytearray(artefact.content)
    content[len(content) // 2] ^= 1
    ModelArtefact.objects.filter(pk=artefact.pk).update(content=bytes(content))


def restore(version: ModelVersion) -> None:
    """Change back what `spoil` has changed."""
    spoil(version)


def what_follows(leads: Mapping[str, Sequence[str]]) -> Markov:
    """Return a model by which items follow from others, the first ones most."""
    rows, visit = [], 0
    for item, following in leads.items():
        for place, other in enumerate(following):
            for _ in range(2 * (len(following) - place)):
                begun = visit * 600 * MINUTE
                rows += [
                    (visit, visit, key, "Product Viewed", float("nan"), begun + at * MINUTE)
                    for at, key in enumerate((item, other))
                ]
                visit += 1
    data = Dataset(interactions=interactions_of(rows), until=visit * 600 * MINUTE)
    return Markov().fit(data, Options())


def serve_what_follows(leads: Mapping[str, Sequence[str]], *, number: int = 1) -> ModelVersion:
    return store(what_follows(leads), number=number)
