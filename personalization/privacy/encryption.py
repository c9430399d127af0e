"""Traits that are kept encrypted: sealed at the door, opened for who asks and may.

What is sealed is a text, so that it lies wherever a trait may lie. It holds the trait's
name beside its value: put under another name it is not opened.

Source of the cipher: the Fernet specification, https://github.com/fernet/spec.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from personalization import metrics
from personalization.conf import settings
from personalization.exceptions import CannotDecrypt, CannotEncrypt
from personalization.types import Json, JsonObject

try:
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet
except ImportError:  # without the extra nothing is sealed, and nothing is kept that should be
    IS_INSTALLED = False
else:
    IS_INSTALLED = True

#: How a value begins that is sealed.
PREFIX: Final = "encrypted:"
_MISSING = "The extra `encryption` is not installed: pip install personalization[encryption]."


def new_key() -> str:
    """Return a key for `PERSONALIZATION_ENCRYPTION_KEYS`.

    :raises CannotEncrypt: without the extra.
    """
    if not IS_INSTALLED:
        raise CannotEncrypt(_MISSING)
    return Fernet.generate_key().decode()


def is_sealed(value: object) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


def obstacle() -> str:
    """Return why nothing can be sealed, or nothing at all; no key is ever part of it."""
    try:
        _cipher(settings.ENCRYPTION_KEYS)
    except CannotEncrypt as error:
        return str(error)
    return ""


def sealed_traits(traits: Mapping[str, Any], *, trusted: bool) -> Mapping[str, Any]:
    """Return traits with those that are to be encrypted sealed, as they are stated.

    Where that cannot be done they are left out: nobody may read them, and the site hears of
    it by its checks. What a trusted source has sealed before, as in an archive, stays so; a
    browser's word is sealed whatever it looks like.
    """
    named = settings.ENCRYPTED_TRAITS
    if not named or not any(name in named for name in traits):
        return traits
    kept = dict(traits)
    for name in named:
        value = kept.get(name)
        if value is None or value == "" or (trusted and is_sealed(value)):
            continue  # what is not known holds nothing, and a rule may ask for that
        try:
            kept[name] = seal(name, value)
        except CannotEncrypt:
            del kept[name]
            metrics.count("traits.not_encrypted")
    return kept


def seal(name: str, value: Json) -> str:
    """Return the value of the trait `name` sealed with the newest key.

    :raises CannotEncrypt: without a key, or without the extra.
    """
    text = json.dumps([name, value], separators=(",", ":"))
    return PREFIX + _cipher(settings.ENCRYPTION_KEYS).encrypt(text.encode()).decode()


def opened(name: str, value: str) -> Json:
    """Return what is sealed in `value`, of the trait `name`.

    :raises CannotDecrypt: when no key opens it, or it was sealed as another trait.
    """
    try:
        text = _cipher(settings.ENCRYPTION_KEYS).decrypt(value.removeprefix(PREFIX).encode())
    except CannotEncrypt as error:
        raise CannotDecrypt(str(error)) from None
    except InvalidToken:
        raise CannotDecrypt from None
    stated, content = json.loads(text)
    if stated != name:
        raise CannotDecrypt
    found: Json = content
    return found


def opened_traits(data: Json) -> Json:
    """Return JSON with all that is sealed in it opened, for who it is about.

    What no key opens stays as it is.
    """
    if isinstance(data, Mapping):
        return {name: _opened(name, value) for name, value in data.items()}
    return [opened_traits(each) for each in data] if isinstance(data, list) else data


def _opened(name: str, value: Json) -> Json:
    if not isinstance(value, str) or not is_sealed(value):
        return opened_traits(value)
    try:
        return opened(name, value)
    except CannotDecrypt:
        return value


def is_of_newest_key(value: str) -> bool:
    """Return whether the newest key opens what is sealed, so that it need not be sealed anew."""
    newest = _cipher(settings.ENCRYPTION_KEYS[:1])
    try:
        newest.decrypt(value.removeprefix(PREFIX).encode())
    except InvalidToken:
        return False
    return True


def resealed(traits: JsonObject) -> JsonObject:
    """Return traits with those that are to be encrypted sealed with the newest key.

    :raises CannotDecrypt: when no key opens one.
    :raises CannotEncrypt: without a key, or without the extra.
    """
    return {name: _resealed(name, value) for name, value in traits.items()}


def _resealed(name: str, value: Json) -> Json:
    if isinstance(value, str) and is_sealed(value):
        return value if is_of_newest_key(value) else seal(name, opened(name, value))
    if name not in settings.ENCRYPTED_TRAITS or value is None or value == "":
        return value
    return seal(name, value)


def _cipher(keys: Sequence[str]) -> MultiFernet:
    """
    :raises CannotEncrypt: without a key, or without the extra.
    """
    if not IS_INSTALLED:
        raise CannotEncrypt(_MISSING)
    if not keys:
        raise CannotEncrypt("PERSONALIZATION_ENCRYPTION_KEYS is empty; a key is needed.")
    return _cipher_of(tuple(keys))


@lru_cache(maxsize=8)
def _cipher_of(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        # Said without the key: it is a secret, also when it is none.
        raise CannotEncrypt(
            "PERSONALIZATION_ENCRYPTION_KEYS holds something that is no key of Fernet: "
            "32 bytes in URL-safe Base64."
        ) from None
