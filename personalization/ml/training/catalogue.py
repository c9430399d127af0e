"""What is known of items, as the columns that recommenders learn from."""

from __future__ import annotations

from collections.abc import Sequence

from personalization.ml.interactions import Catalogue
from personalization.ml.models import Item

#: Items that are asked for by one query.
CHUNK = 2000

_NOTHING = ("", ())


def catalogue(items: Sequence[str]) -> Catalogue:
    """Return the texts and tags of the items of these keys, in their order.

    The text is title, tags and body; the tags are the category, then the tags. Items of which
    nothing is known have neither. One query for 2,000 items.
    """
    known: dict[str, tuple[str, tuple[str, ...]]] = {}
    for start in range(0, len(items), CHUNK):
        rows = Item.objects.filter(key__in=items[start : start + CHUNK]).order_by("pk")
        for key, title, category, tags, text in rows.values_list(
            "key", "title", "category", "tags", "text"
        ):
            labels = tuple(dict.fromkeys(each for each in (category, *_texts(tags)) if each))
            known[key] = ("\n".join(filter(None, (title, *labels, text))), labels)
    found = [known.get(key, _NOTHING) for key in items]
    return Catalogue(
        items=tuple(items),
        texts=tuple(text for text, _ in found),
        tags=tuple(tags for _, tags in found),
    )


def _texts(tags: object) -> list[str]:
    """Return the tags that are texts: whoever edits JSON by hand may write anything."""
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
