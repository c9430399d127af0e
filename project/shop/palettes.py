"""The colours of the illustrations: every picture is a motif in one of these palettes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    ground: str
    main: str
    dark: str
    light: str
    accent: str


PALETTES = {
    "pine": Palette("#dfe7dd", "#4a6d58", "#274236", "#e9eee0", "#dba43f"),
    "moss": Palette("#e6ead3", "#84934f", "#4f5b2c", "#f2f3df", "#cf7440"),
    "ochre": Palette("#f5e7c9", "#d29a38", "#8d5f1b", "#fbf1d8", "#b4532f"),
    "rust": Palette("#f3dfd3", "#bb5d38", "#74321b", "#f8e7d6", "#e5b04d"),
    "berry": Palette("#f3dcdb", "#ad4552", "#6d2430", "#fae9e4", "#e2ab57"),
    "plum": Palette("#eadde6", "#83506f", "#4e2d43", "#f5eaf0", "#d9a14c"),
    "night": Palette("#dde1ee", "#3c4a75", "#222b49", "#e6eaf5", "#e5ae48"),
    "sky": Palette("#d8e8ee", "#4d8fab", "#2a5a70", "#e8f3f6", "#eaa94f"),
    "slate": Palette("#e0e5e8", "#66798a", "#3a4956", "#eef2f4", "#d9814f"),
    "stone": Palette("#e8e5e0", "#928b80", "#56504a", "#f4f2ee", "#bb5d38"),
    "sand": Palette("#f1e8d8", "#cbae80", "#86693f", "#f9f3e6", "#5d7890"),
}
