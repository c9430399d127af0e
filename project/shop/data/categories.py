"""The six departments of the shop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CategorySeed:
    slug: str
    name: str
    tagline: str
    art: str
    palette: str


CATEGORIES = (
    CategorySeed(
        slug="shoes",
        name="Shoes",
        tagline="Boots and shoes that are worn in after a week and worn out after ten years.",
        art="boot",
        palette="rust",
    ),
    CategorySeed(
        slug="jackets",
        name="Jackets",
        tagline="For rain, for wind, and for the hour after the sun has gone.",
        art="shell",
        palette="sky",
    ),
    CategorySeed(
        slug="layers",
        name="Layers",
        tagline="Lambswool and merino from mills that still answer the telephone.",
        art="sweater",
        palette="ochre",
    ),
    CategorySeed(
        slug="packs",
        name="Packs",
        tagline="Carry a day, a weekend, or the week's shopping home from the market.",
        art="backpack",
        palette="pine",
    ),
    CategorySeed(
        slug="camp",
        name="Camp",
        tagline="Shelter, light and something hot to drink.",
        art="tent",
        palette="moss",
    ),
    CategorySeed(
        slug="cabin",
        name="Cabin",
        tagline="Things for the end of the walk, when the boots are off.",
        art="blanket",
        palette="plum",
    ),
)
