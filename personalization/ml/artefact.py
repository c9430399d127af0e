"""A model as bytes and back: a zip of .npy files and one of JSON, never a pickle.

The checksum is kept beside, by whoever keeps the bytes: bytes that were changed are refused
before anything in them is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.exceptions import PersonalizationError
from personalization.ml.base import Arrays, InvalidConfig, Model
from personalization.ml.known import algorithms
from personalization.types import JsonObject

FORMAT = 1
_FACTS, _ARRAY = "model.json", ".npy"
#: What reading raises where something else stands than was written, by this version or another.
_UNREADABLE = (
    zipfile.BadZipFile, InvalidConfig, LookupError, ValueError, TypeError, AttributeError,
)  # fmt: skip


class CorruptArtefact(PersonalizationError):
    """The stored model is not what was stored."""


def checksum(content: bytes) -> str:
    """Return the SHA-256 of an artefact, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def packed(model: Model[Any]) -> bytes:
    """Return the artefact of a fitted model; the same model gives the same bytes."""
    told = {
        "format": FORMAT,
        "algorithm": model.algorithm,
        "config": model.config.written(),
        "facts": model.facts(),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        _put(archive, _FACTS, json.dumps(told, sort_keys=True, allow_nan=False).encode())
        for name, array in sorted(model.arrays().items()):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            _put(archive, name + _ARRAY, content.getvalue())
    return stream.getvalue()


def unpacked(content: bytes, *, sha256: str) -> Model[Any]:
    """Return the model of an artefact.

    :raises CorruptArtefact: if the bytes have another checksum, or no model that is known.
    """
    _refuse_other(content, sha256=sha256)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            told = json.loads(archive.read(_FACTS))
            arrays = {
                name.removesuffix(_ARRAY): _array(archive, name)
                for name in archive.namelist()
                if name != _FACTS
            }
        kind = algorithms.get(told["algorithm"])
        if kind is None or told["format"] != FORMAT:
            raise CorruptArtefact(
                f"Nothing here reads a “{told['algorithm']}” of format {told['format']}."
            )
        model = kind(kind.config_class.read(told["config"]))
        model.restore(arrays, told["facts"])
    except _UNREADABLE as error:
        raise CorruptArtefact(f"The stored model cannot be read: {error}.") from error
    return model


def told_of(
    content: bytes, *, sha256: str, arrays: Sequence[str] = ()
) -> tuple[JsonObject, Arrays]:
    """Return the facts of the model of an artefact, and those of its arrays that are named: most
    of it is not read.

    :raises CorruptArtefact: as `unpacked` does, or if there is no such array.
    """
    _refuse_other(content, sha256=sha256)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            facts: JsonObject = json.loads(archive.read(_FACTS))["facts"]
            return facts, {name: _array(archive, name + _ARRAY) for name in arrays}
    except _UNREADABLE as error:
        raise CorruptArtefact(f"The stored model cannot be read: {error}.") from error


def _refuse_other(content: bytes, *, sha256: str) -> None:
    if (found := checksum(content)) != sha256:
        raise CorruptArtefact(
            f"The stored model has the checksum {found[:12]}…, not {sha256[:12]}…."
        )


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    content = io.BytesIO(archive.read(name))
    found: NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    return found


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # Of a fixed date, so that bytes depend on what is in them alone.
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
