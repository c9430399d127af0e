"""Every address of the package, found where Django finds them, so that none is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import URLPattern, URLResolver

from personalization import urls
from personalization.events.models import WriteKey
from personalization.segments.models import SegmentVersion

#: Where `project.urls` has the two.
ADMIN, OWN = "/admin/", "/p/"
_CONVERTED = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")
_GROUP = re.compile(r"\(\?P<(\w+)>[^)]*\)")


@dataclass(frozen=True, kw_only=True)
class Address:
    """An address with holes: `{slug}` stands for what is named there."""

    name: str
    template: str

    def filled(self, otherwise: Any, **values: Any) -> str:
        """Return the address with what the holes are to hold, and `otherwise` in the others."""
        return re.sub(r"\{(\w+)\}", lambda hole: str(values.get(hole[1], otherwise)), self.template)


def own_addresses() -> list[Address]:
    """Return the public ones: protocols, APIs, pages of visitors."""
    return list(_found(urls.urlpatterns, OWN))


def admin_addresses() -> Iterator[tuple[type[Model], Address]]:
    """Yield those of the admin, with the model that each is about."""
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label == "personalization":
            prefix = f"{ADMIN}personalization/{model._meta.model_name}/"
            for address in _found(model_admin.get_urls(), prefix):
                yield model, address


def about(model: type[Model], address: Address, world: Mapping[type[Model], Model]) -> str:
    """Return an address of the admin about what the world has of the model."""
    one, other = SegmentVersion.objects.order_by("number").values_list("number", flat=True)[:2]
    key = world[WriteKey].pk
    return address.filled(world[model].pk, one=one, other=other, number=one, key=key)


def _found(patterns: list[Any], prefix: str) -> Iterator[Address]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _found(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern) and pattern.name:
            text = _GROUP.sub(r"{\1}", str(pattern.pattern).removeprefix("^"))
            text = _CONVERTED.sub(r"{\g<name>}", text)
            text = text.removesuffix("/?$").removesuffix("$").replace("\\.", ".")
            yield Address(name=pattern.name, template=prefix + text)
