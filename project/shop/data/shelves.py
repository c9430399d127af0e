"""Every product of the shop, in the order of the shelves."""

from __future__ import annotations

from project.shop.data import gear, wear

PRODUCTS = (
    *wear.SHOES,
    *wear.JACKETS,
    *wear.LAYERS,
    *gear.PACKS,
    *gear.CAMP,
    *gear.CABIN,
)
