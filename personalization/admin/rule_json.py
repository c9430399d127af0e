"""Rules as text: from the textarea or the editor's requests, which anybody can write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn, cast

from personalization.exceptions import PersonalizationError
from personalization.types import Json


class NotJson(PersonalizationError):
    """The rule is not valid JSON."""


def read_json(text: str | bytes) -> Json:
    """Return the JSON in `text`.

    :raises NotJson: also on what Python reads but JSON or a database does not know:
        NaN and Infinity, NUL, halves of surrogate pairs, nesting without end.
    """
    try:
        data = cast(Json, json.loads(text, parse_constant=_refuse_constant))
        _refuse_text(data)
    except json.JSONDecodeError as error:
        raise NotJson(
            f"This is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except UnicodeDecodeError:
        raise NotJson("This is not valid JSON: it is not UTF-8.") from None
    except RecursionError:
        raise NotJson("This is not a rule: it is nested too deep.") from None
    except ValueError as error:
        raise NotJson(f"This is not valid JSON: {error}.") from None
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _refuse_text(data: Json) -> None:
    """Refuse texts that cannot be stored or compared."""
    if isinstance(data, str):
        if "\x00" in data:
            raise ValueError("a text holds the character NUL")
        try:
            data.encode()
        except UnicodeEncodeError:
            raise ValueError("a text holds half of a character") from None
    elif isinstance(data, Mapping):
        for key, value in data.items():
            _refuse_text(key)
            _refuse_text(value)
    elif isinstance(data, list):
        for item in data:
            _refuse_text(item)
