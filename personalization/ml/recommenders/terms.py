"""What an item is about: words and pairs of words of its text, and tags, by how rare they are.

Text and tags are compared apart: otherwise the few tags that an item was given drown in the
words of its text. Only learning needs scikit-learn and scipy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Floats
from personalization.ml.interactions import Catalogue
from personalization.ml.unfit import UnfitData

#: Chinese and Japanese characters: nothing stands between words, so each is one, and what two of
#: them mean is said by the pair.
_ALONE = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
#: Accents that are characters of their own, and the vowels and ties within words of India: `\w`
#: has none of them.
_MARKS = r"\u0300-\u036f\u0900-\u0963\u0966-\u0dff"
_WORD = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}](?:[^\W{_ALONE}]|[{_MARKS}])+")
#: Characters of a text that are read: what comes later in a long body adds hardly a term.
_READ = 20_000
#: Terms of more than this share of items tell nothing apart.
_COMMON = 0.5
#: Power of the rarity of a term. With more than 1, words that every other text has count next
#: to nothing, and no limit has to be known from which on a word of a language is too common.
_RARITY = 1.5
#: How much of the likeness of two items is that of their tags, where that of their texts is 1.
_OF_TAGS = 0.2
#: From so many items on, a term of one alone is left out: nothing can be close by it.
_MANY = 10

#: A text and tags.
_Document: TypeAlias = tuple[str, tuple[str, ...]]


def tfidf(catalogue: Catalogue, *, terms: int) -> Any:
    """Return a row of length 1 for each item, as `scipy.sparse.csr_array` (n items × n terms),
    with its `terms` heaviest; a row of zeros where nothing is said of it.

    Counts are damped to 1 + log (Salton and Buckley 1988). The cosine of two rows is the mean
    of those of texts and of tags, weighed by `_OF_TAGS`, where both items have both.

    :raises UnfitData: if no term is shared by two items and not by most.
    """
    from scipy.sparse import csr_array, hstack

    documents = list(zip(catalogue.texts, catalogue.tags, strict=True))
    parts = ((_of_text, 1.0), (_tags, _OF_TAGS))
    rows = [_rows(documents, found, square=share) for found, share in parts]
    if not any(each.nnz for each in rows):
        raise UnfitData(
            f"The texts of {len(documents)} items have no word in common that others have not."
        )
    return _heaviest(csr_array(hstack(rows, format="csr")), n=terms)


def lengths_of_1(rows: NDArray[Any]) -> Floats:
    """Return rows divided by their length; those of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit


def _rows(
    documents: list[_Document], found: Callable[[_Document], list[str]], *, square: float
) -> Any:
    """Return a row for each document with its terms (n items × n terms), of a length whose
    square is `square`."""
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import CountVectorizer

    n = len(documents)
    count = CountVectorizer(
        analyzer=found,
        min_df=2 if n >= _MANY else 1,
        max_df=_COMMON if n >= _MANY else 1.0,
        dtype=np.float32,
    )
    try:
        rows = csr_array(count.fit_transform(documents))
    except ValueError:  # its way to say that no term is left
        return csr_array((n, 0), dtype=np.float32)
    # As if one more had none of them: what few items all have is not nothing.
    rarity = np.log((1 + n) / np.bincount(rows.indices, minlength=rows.shape[1])) ** _RARITY
    rows.data = ((1 + np.log(rows.data)) * rarity[rows.indices]).astype(np.float32)
    row_of = np.repeat(np.arange(n), np.diff(rows.indptr))
    squares = np.bincount(row_of, rows.data**2, minlength=n)
    rows.data *= np.sqrt(square / squares[row_of]).astype(np.float32)
    return rows


def _of_text(document: _Document) -> list[str]:
    words = _WORD.findall(document[0][:_READ].lower())
    return [*words, *(f"{first} {second}" for first, second in pairwise(words))]


def _tags(document: _Document) -> list[str]:
    return [tag.strip().lower() for tag in document[1]]


def _heaviest(rows: Any, *, n: int) -> Any:
    """Return `rows` with the `n` largest values of each, again of length 1."""
    from scipy.sparse import csr_array

    counts = np.diff(rows.indptr)
    number = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((rows.indices, -rows.data, number))
    kept = order[np.arange(len(order)) - rows.indptr[:-1][number] < n]
    kept = kept[np.lexsort((rows.indices[kept], number[kept]))]
    values, rows_of = rows.data[kept], number[kept]
    length = np.sqrt(np.bincount(rows_of, values**2, minlength=len(counts)))
    return csr_array(
        (
            (values / length[rows_of]).astype(np.float32),
            (rows_of, rows.indices[kept]),
        ),
        shape=rows.shape,
    )
