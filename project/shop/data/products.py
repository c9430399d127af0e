"""The shape of a product's seed."""

from __future__ import annotations

from dataclasses import dataclass

SHOE_SIZES = ("37", "38", "39", "40", "41", "42", "43", "44", "45")
SIZES = ("XS", "S", "M", "L", "XL")


@dataclass(frozen=True, kw_only=True)
class ProductSeed:
    slug: str
    sku: str
    category: str
    name: str
    summary: str
    description: str
    details: tuple[str, ...]
    price: str
    art: str
    palette: str
    was_price: str | None = None
    sizes: tuple[str, ...] = ()
    featured: bool = False
