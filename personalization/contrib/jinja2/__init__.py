"""`"extensions": ["personalization.contrib.jinja2.PersonalizationExtension"]` for Jinja2."""

from __future__ import annotations

from personalization.contrib.jinja2.extension import PersonalizationExtension

__all__ = ["PersonalizationExtension"]
