"""How the lists of recommendations are made, by the place that the templates name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LISTS: Mapping[str, Mapping[str, Any]] = {
    "home": {"kinds": ["product"], "per_category": 2},
    "product": {"kinds": ["product"], "per_category": 2},
    "article": {"kinds": ["article"]},
}
