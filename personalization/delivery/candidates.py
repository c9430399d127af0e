"""What a page has for members of segments itself, as decisions know it: without its content."""

from __future__ import annotations

from collections.abc import Sequence

from personalization.delivery.published import Candidate

#: A key says so much of which segments a variant is for; its number tells it apart. What is
#: longer, `POST v1/decide` would not take.
_LONGEST = 150


def candidate_of(segments: Sequence[str], *, number: int) -> Candidate:
    """Return the variant for `segments` that stands at `number` in its block."""
    return Candidate(tuple(segments), f"template:{number}:{'+'.join(segments):.{_LONGEST}}")
