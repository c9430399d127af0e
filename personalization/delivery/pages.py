"""What names segments besides templates and variations: pages that editors build in a CMS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from personalization.registry import Registry

#: Each yields what a page is called, and the slugs of the segments that it names.
pages: Registry[Callable[[], Iterable[tuple[str, Collection[str]]]]] = Registry("source of pages")


def pages_naming(slug: str) -> list[str]:
    """Return what the pages are called that name the segment."""
    return sorted({page for page, slugs in _all() if slug in slugs})


def segments_on_pages() -> set[str]:
    """Return the slugs that any page names."""
    return {slug for _page, slugs in _all() for slug in slugs}


def _all() -> Iterable[tuple[str, Collection[str]]]:
    for _name, found in pages.items():
        yield from found()
