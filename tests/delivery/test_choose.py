"""The precedence, as a function of values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from personalization.delivery.choose import choose, new_decision_id
from personalization.delivery.published import Candidate

slugs = st.sampled_from("abcdef")
candidates = st.lists(
    st.builds(
        Candidate,
        segments=st.lists(slugs, min_size=1, max_size=3).map(tuple),
        key=st.uuids().map(str),
    ),
    max_size=6,
)


@given(candidates, st.frozensets(slugs), st.booleans(), st.booleans())
def test_the_first_candidate_of_a_segment_wins_for_those_who_agreed(
    candidates: list[Candidate], segments: frozenset[str], known: bool, consented: bool
) -> None:
    decision = choose("hero", candidates, known=known, consented=consented, segments=segments)
    matching = [candidate for candidate in candidates if segments.intersection(candidate.segments)]
    assert decision.slot == "hero"
    assert decision.probability == 1
    if not known:
        assert (decision.candidate, decision.reason) == (None, "no_id")
    elif not consented:
        assert (decision.candidate, decision.reason) == (None, "no_consent")
    elif matching:
        assert (decision.candidate, decision.reason) == (matching[0], "segment")
    else:
        assert (decision.candidate, decision.reason) == (None, "no_match")


def test_every_decision_has_an_id_of_its_own() -> None:
    ids = {new_decision_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(one) for one in ids} == {32}
    first, second = (
        choose("hero", (), known=True, consented=True, segments=frozenset()) for _ in range(2)
    )
    assert first.id != second.id
