"""Find the personalized blocks of all templates, by their node trees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from django.template import TemplateDoesNotExist, TemplateSyntaxError, engines
from django.template.backends.base import BaseEngine
from django.template.backends.django import DjangoTemplates

from personalization.delivery.block import PersonalizedBlock

#: What stands in a tag that names segments, or, in Jinja2, behind the function.
_NAMING = re.compile(rb"(?:{%[-+]?\s*(?:variant|in_segment)\b|\bin_segment\s*\()([^%)]*)")
#: The place that a list is asked for at, in a tag or, in Jinja2, by the function.
_LISTING = re.compile(
    rb"(?:{%[-+]?\s*recommend\s+|\brecommend\(\s*(?:place\s*=\s*)?)[\"']([-\w]+)[\"']"
)
_QUOTED = re.compile(rb"[\"']([\w-]+)[\"']")


@runtime_checkable
class BlockFinder(Protocol):
    """What knows the blocks of the templates of another engine than Django's."""

    def blocks_in(self, name: str) -> Iterable[PersonalizedBlock]: ...


def blocks_in_templates() -> Iterator[tuple[str, PersonalizedBlock]]:
    """Yield each block with the name of its template; broken templates are left to their engine."""
    for backend in engines.all():
        for name in sorted(_names(backend)):
            for block in _blocks(backend, name):
                yield name, block


def _blocks(backend: BaseEngine, name: str) -> Iterator[PersonalizedBlock]:
    if not isinstance(backend, DjangoTemplates):
        for finder in _finders(backend):
            yield from finder.blocks_in(name)
        return
    try:
        template = backend.get_template(name).template
    except (TemplateSyntaxError, TemplateDoesNotExist, UnicodeDecodeError):
        return
    for node in template.nodelist.get_nodes_by_type(PersonalizedBlock):
        if isinstance(node, PersonalizedBlock):
            yield node


def _finders(backend: BaseEngine) -> list[BlockFinder]:
    """Return who knows the blocks of a backend: extensions of its environment, as Jinja2 has."""
    extensions = getattr(getattr(backend, "env", None), "extensions", {})
    return [each for each in extensions.values() if isinstance(each, BlockFinder)]


def is_in_templates(tag: str) -> bool:
    """Return whether any template has the tag, by a look at their texts."""
    name = tag.encode()
    return any(name in text for backend in engines.all() for _, text in _texts(backend))


def templates_naming(slug: str) -> list[str]:
    """Return the templates whose tags name the segment, by a look at their text."""
    return sorted(
        {name for backend in engines.all() for name, text in _texts(backend) if slug in _said(text)}
    )


def segments_named() -> set[str]:
    """Return what the tags of all templates name, by one look at their texts: slugs of segments,
    and other texts that stand in such tags."""
    return {
        slug for backend in engines.all() for _, text in _texts(backend) for slug in _said(text)
    }


def places_named() -> set[str]:
    """Return the places that templates ask for lists at, by one look at their texts."""
    return {
        place.decode()
        for backend in engines.all()
        for _, text in _texts(backend)
        for place in _LISTING.findall(text)
    }


def _said(text: bytes) -> set[str]:
    """Return the quoted texts in tags that name segments."""
    return {
        slug.decode() for arguments in _NAMING.findall(text) for slug in _QUOTED.findall(arguments)
    }


def _names(backend: BaseEngine) -> set[str]:
    """Return the names of the templates that use the tag, by a look at their text."""
    return {name for name, text in _texts(backend) if b"personalized_block" in text}


def _texts(backend: BaseEngine) -> Iterator[tuple[str, bytes]]:
    """Yield the templates of a backend that has our tags."""
    if not isinstance(backend, DjangoTemplates) and not _finders(backend):
        return
    for directory in backend.template_dirs:
        for path in Path(directory).rglob("*"):
            if path.is_file():
                yield path.relative_to(directory).as_posix(), path.read_bytes()
