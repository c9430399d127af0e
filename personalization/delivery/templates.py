"""Find the personalized blocks of all templates, by their node trees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.template import TemplateDoesNotExist, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates

from personalization.delivery.block import PersonalizedBlock


def blocks_in_templates() -> Iterator[tuple[str, PersonalizedBlock]]:
    """Yield each block with the name of its template; broken templates are left to Django."""
    for backend in engines.all():
        if not isinstance(backend, DjangoTemplates):
            continue
        for name in sorted(_names(backend)):
            try:
                template = backend.get_template(name).template
            except (TemplateSyntaxError, TemplateDoesNotExist, UnicodeDecodeError):
                continue
            for node in template.nodelist.get_nodes_by_type(PersonalizedBlock):
                if isinstance(node, PersonalizedBlock):
                    yield name, node


def _names(backend: DjangoTemplates) -> set[str]:
    """Return the names of the templates that use the tag, by a look at their text."""
    names = set()
    for directory in backend.template_dirs:
        for path in Path(directory).rglob("*"):
            if path.is_file() and b"personalized_block" in path.read_bytes():
                names.add(path.relative_to(directory).as_posix())
    return names
