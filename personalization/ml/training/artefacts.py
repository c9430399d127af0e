"""Whether artefacts are what was stored, and what serves in the place of one that is not."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from django.db.models import F

from personalization.ml.goal_events import of_its_goal
from personalization.ml.models import ModelArtefact, ModelVersion

#: Versions that served before that are tried where one cannot be read, as whoever serves does.
TRIES = 3


def problem_of(version: ModelVersion, stored: bytes | memoryview | None) -> str:
    """Return why what is stored of a version cannot be used, in a sentence; empty if it can."""
    if stored is None:
        return f"The artefact of version {version.number} of “{version.name}” is not kept any more."
    found = hashlib.sha256(stored).hexdigest()
    if found == version.checksum:
        return ""
    return (
        f"The artefact of version {version.number} of “{version.name}” is damaged: its checksum "
        f"is {found[:12]}…, not {version.checksum[:12]}…."
    )


def problems_of(versions: Collection[ModelVersion]) -> Mapping[int, str]:
    """Return the sentences by primary key, of those that have one.

    Every byte is looked at, of one artefact after another: one query, and the largest of them in
    memory.
    """
    artefacts = ModelArtefact.objects.filter(version__in=versions)
    by_pk = {version.pk: version for version in versions}
    found = {pk: problem_of(version, None) for pk, version in by_pk.items()}
    rows = artefacts.values_list("version_id", "content").iterator(chunk_size=1)
    found |= {pk: problem_of(by_pk[pk], content) for pk, content in rows}
    return {pk: problem for pk, problem in found.items() if problem}


def stand_in(version: ModelVersion) -> ModelVersion | None:
    """Return which version serves in the place of one whose artefact cannot be used; None if what
    is popular does."""
    retired = ModelVersion.objects.filter(name=version.name, status=ModelVersion.Status.RETIRED)
    fit = of_its_goal(retired, version.name)
    before = list(fit.order_by(F("promoted_at").desc(nulls_last=True), "-number")[:TRIES])
    problems = problems_of(before)
    return next((each for each in before if each.pk not in problems), None)
