"""What a page is told of the sequences of a version, and why it is told nothing."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.ml.models import ModelVersion
from personalization.ml.training import findings
from personalization.ml.training.findings import Finding, NoFindings, findings_of, has_findings
from personalization.ml.training.sequence_plan import ALGORITHM

pytestmark = pytest.mark.django_db


def version(**fields: Any) -> ModelVersion:
    values = {"name": "sequences.order", "number": 1, "algorithm": ALGORITHM, "checksum": "0" * 64}
    return ModelVersion.objects.create(**{**values, **fields})


@pytest.mark.parametrize("other", [{"algorithm": "stack"}, {"checksum": ""}])
def test_what_is_of_another_kind_or_was_never_made_has_none(other: dict[str, Any]) -> None:
    one = version(**other)
    assert not has_findings(one)
    with pytest.raises(NoFindings, match="has no sequences to show"):
        findings_of(one)


def test_an_artefact_that_is_gone_is_told() -> None:
    one = version()
    assert has_findings(one)
    with pytest.raises(NoFindings, match="Nothing is stored of sequences.order 1"):
        findings_of(one)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: str) -> Any:
        raise ImportError(f"No module named {path!r}")

    monkeypatch.setattr(findings, "import_string", missing)
    with pytest.raises(NoFindings, match=r"pip install personalization\[ml\]"):
        findings_of(version())


def test_a_sequence_is_called_by_its_steps() -> None:
    one = Finding(
        steps=["/a", "/b"], stop=False, rule={}, n=3, reached=1, lift=2.0, chance=0.1, members=2,
        ended=0, usual=0.0, ways=(),
    )  # fmt: skip
    assert one.name == "/a → /b"
