"""What a text is about: its words and pairs of words, weighed by how rare they are.

Only learning needs scikit-learn and scipy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Floats
from personalization.ml.interactions import Catalogue, UnfitData

_WORD = re.compile(r"\w\w+")
#: Characters of a text that are read: what comes later in a long body adds hardly a term.
_READ = 20_000
#: Terms of more than this share of texts tell nothing apart.
_COMMON = 0.5
#: From so many texts on, a term of one text alone is left out: nothing can be close by it.
_MANY = 10


def tfidf(catalogue: Catalogue, *, terms: int) -> Any:
    """Return a row of length 1 for each text, as `scipy.sparse.csr_array` (n items × n terms),
    with its `terms` heaviest; a row of zeros where a text says nothing.

    Counts are damped to 1 + log (Salton and Buckley 1988), tags are terms of their own.

    :raises UnfitData: if no term is shared by two texts and not by most.
    """
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = list(zip(catalogue.texts, catalogue.tags, strict=True))
    many = len(documents) >= _MANY
    weigh = TfidfVectorizer(
        analyzer=_terms,
        sublinear_tf=True,
        min_df=2 if many else 1,
        max_df=_COMMON if many else 1.0,
        dtype=np.float32,
    )
    try:
        rows = csr_array(weigh.fit_transform(documents))
    except ValueError as error:  # its way to say that no term is left
        raise UnfitData(
            f"The texts of {len(documents)} items have no word in common that others have not."
        ) from error
    return _heaviest(rows, n=terms)


def lengths_of_1(rows: NDArray[Any]) -> Floats:
    """Return rows divided by their length; those of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit


def _terms(document: tuple[str, tuple[str, ...]]) -> Iterator[str]:
    text, tags = document
    words = _WORD.findall(text[:_READ].lower())
    yield from words
    for first, second in pairwise(words):
        yield f"{first} {second}"
    for tag in tags:
        yield f"#{tag.strip().lower()}"  # no word begins like this


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
