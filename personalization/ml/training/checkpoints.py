"""What a training has learned so far, kept with its version: a worker that takes it over when the
one before was killed goes on from there.

Each part is known by what it was learned from: the same data, configuration and seed. So nothing
is used of which a row is gone, as when somebody withdrew their consent meanwhile. What took
little time is learned anew as quickly, and is not kept.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

from django.db import transaction

from personalization.ml.artefact import CorruptArtefact, checksum, packed, unpacked
from personalization.ml.base import Model
from personalization.ml.interactions import Dataset
from personalization.ml.models import ModelArtefact, ModelVersion

#: What took fewer seconds to learn is not kept.
WORTH = 5.0
#: Nor is more than so many bytes in all.
MOST = 64 * 1024 * 1024


class Kept:
    """The parts of one training: an archive of artefacts in the place of its own."""

    def __init__(self, version: ModelVersion) -> None:
        self._version = version
        self._parts = _read(version)

    def find(self, model: Model[Any], dataset: Dataset, *, seed: int) -> Model[Any] | None:
        """Return the model that was learned from the same, if it was kept and can be read."""
        found = self._parts.get(name_of(model, dataset, seed=seed))
        if found is None:
            return None
        try:
            return unpacked(found, sha256=checksum(found))
        except CorruptArtefact:
            return None

    def keep(self, model: Model[Any], dataset: Dataset, *, seed: int, seconds: float) -> None:
        """Keep a model that took so many seconds to learn; nothing once the training is over.

        A worker that was given up for dead may come by here with what it learned, when another
        one has long kept the artefact in this place.
        """
        if seconds < WORTH:
            return
        content = packed(model)
        if sum(map(len, self._parts.values())) + len(content) > MOST:
            return
        self._parts[name_of(model, dataset, seed=seed)] = content
        training = ModelVersion.Status.TRAINING
        with transaction.atomic():
            # A write, not a look: whoever ends the training meanwhile waits for the end of this.
            at_work = ModelVersion.objects.filter(pk=self._version.pk, status=training)
            if at_work.update(status=training):
                ModelArtefact.objects.update_or_create(
                    version=self._version, defaults={"content": _written(self._parts)}
                )


def name_of(model: Model[Any], dataset: Dataset, *, seed: int) -> str:
    """Return what tells learning this model from these data apart from learning any other."""
    told = json.dumps([model.algorithm, model.config.written(), seed], sort_keys=True)
    digest = hashlib.blake2b(told.encode(), digest_size=16)
    rows = dataset.interactions
    for column in (rows.visitor, rows.visit, rows.item, rows.kind, rows.amount, rows.at):
        digest.update(column.tobytes())
    digest.update(repr((rows.items, rows.kinds, sorted(rows.against), dataset.until)).encode())
    if (known := dataset.catalogue) is not None:
        digest.update(repr((known.items, known.texts, known.tags)).encode())
    return digest.hexdigest()


def _read(version: ModelVersion) -> dict[str, bytes]:
    content = ModelArtefact.objects.filter(version=version).values_list("content", flat=True)
    found = content.first()
    if found is None:
        return {}
    try:
        with zipfile.ZipFile(io.BytesIO(bytes(found))) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        return {}


def _written(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()
