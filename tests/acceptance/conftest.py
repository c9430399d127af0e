from __future__ import annotations

from tests.factories import make_segment, make_source

__all__ = ["make_segment", "make_source"]
