"""Lists of recommendations of which tests can say beforehand what stands in them."""

from __future__ import annotations

#: For PERSONALIZATION_RECOMMENDATIONS: at every place the best ones in their order, with no share
#: of chance and no variety.
CALM = {"*": {"explore": 0.0, "diversity": 0.0}}
