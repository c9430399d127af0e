"""What is wrong with the value of a setting that has the right type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.utils.module_loading import import_string

from personalization.conf import PREFIX
from personalization.delivery.render import MODES
from personalization.events.collection import POLICIES
from personalization.exceptions import SettingError
from personalization.ml.serving.policy import refuse_odd
from personalization.ml.training.plans import InvalidPlan, Plan, changed
from personalization.outbound import permitted_networks
from personalization.privacy.retention import grows_old
from personalization.profiles.stores import stores
from personalization.profiles.thresholds import problem_with
from personalization.segments.overlaps import STRATEGIES
from personalization.types import ASKED_PURPOSES, PRIVACY_MODES

#: Settings that are one of a few words.
_ALLOWED: Final[Mapping[str, Sequence[str]]] = {
    "OVERLAP": STRATEGIES,
    "DELIVERY": MODES,
    "COLLECT": POLICIES,
    "PRIVACY": PRIVACY_MODES,
    "SIGNALS": ("respect", "ignore"),
    "USER_AGENT": ("reduced", "none", "full"),
}
_REGIMES = ("opt-in", "opt-out")
_MAY_BE_NOTHING = {
    "ADDRESS_RATE", "EXPOSURE_DELAY", "GLOBAL_HOLDOUT", "HOLDOUT", "TCF_VENDOR", "TRUSTED_PROXIES",
}  # fmt: skip
_COOKIE_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_VERSION = re.compile(r"[\w-]{1,20}", re.ASCII)


def problem_with_value(full_name: str, values: Mapping[str, Any]) -> str:
    """Return what is wrong with a value of the right type, or an empty string.

    `values` are those of all settings that have the right type, by their full names.
    """
    name, value = full_name.removeprefix(PREFIX), values[full_name]
    said = f"{full_name} is {value!r}"
    if (allowed := _ALLOWED.get(name)) is not None and value not in allowed:
        return f"{said}; allowed: {', '.join(allowed)}."
    if (problem := _PROBLEMS.get(name, _none)(value, said)) != "":
        return problem
    if name.endswith("_COOKIE") and not _COOKIE_NAME.fullmatch(value):
        return f"{said}, which no cookie can be called."
    if name == "CONSENT_COOKIE" and value == values.get(PREFIX + "VISITOR_COOKIE"):
        return f"{said}, and so is the name of the visitor cookie."
    is_size = isinstance(value, int | float | timedelta) and not isinstance(value, bool)
    nothing = type(value)(0) if is_size else None
    if is_size and (value < nothing or (value == nothing and name not in _MAY_BE_NOTHING)):
        return f"{said}; it must be more than nothing."
    return ""


def _none(value: Any, said: str) -> str:
    return ""


def _buffer(value: Any, said: str) -> str:
    try:
        import_string(value)
    except ImportError as error:
        return f"{PREFIX}BUFFER cannot be imported: {error}"
    return ""


def _held_out(value: Any, said: str) -> str:
    return "" if 0 <= value <= 0.5 else f"{said}; a share from 0 to 0.5 is needed."


def _policy_version(value: Any, said: str) -> str:
    return "" if _VERSION.fullmatch(value) else f"{said}, which the consent cookie cannot hold."


def _limits(value: Any, said: str) -> str:
    usable = all(
        isinstance(name, str) and isinstance(most, int) and most >= 1 and most is not True
        for name, most in value.items()
    )
    return "" if usable else f"{said}; each of its values is a whole number above nothing."


def _thresholds(value: Any, said: str) -> str:
    return problem_with(value)


def _networks(value: Any, said: str) -> str:
    try:
        permitted_networks(value)
    except SettingError as error:
        return str(error)
    return ""


def _regimes(value: Any, said: str) -> str:
    if all(isinstance(name, str) and regime in _REGIMES for name, regime in value.items()):
        return ""
    return f"{said}; its keys are regions or “*”, its values: {', '.join(_REGIMES)}."


def _categories(value: Any, said: str) -> str:
    purposes = [purpose.value for purpose in ASKED_PURPOSES]
    for named in value.values():
        if isinstance(named, str) or not all(purpose in purposes for purpose in named):
            return f"{said}; each of its values is a list of: {', '.join(purposes)}."
    return ""


def _tcf(value: Any, said: str) -> str:
    purposes = [purpose.value for purpose in ASKED_PURPOSES]
    usable = all(
        name in purposes and numbers and all(number in range(1, 25) for number in numbers)
        for name, numbers in value.items()
    )
    return "" if usable else f"{said}; it lists purposes 1 to 24 of the TCF for each of ours."


def _ages(value: Any, said: str) -> str:
    if not all(isinstance(age, timedelta) and age > timedelta(0) for age in value.values()):
        return f"{said}; each of its values is a timedelta above nothing."
    allowed = [name for name, store in stores.items() if grows_old(store)]
    if unknown := [str(name) for name in value if name not in allowed]:
        return (
            f"{PREFIX}RETENTION_OF names {', '.join(unknown)}, which is no store that has a time "
            f"of its own. Allowed: {', '.join(sorted(allowed))}."
        )
    return ""


def _texts(value: Any, said: str) -> str:
    usable = all(isinstance(text, str) and text for text in value)
    # Keys are secrets: what is wrong with them is said without them.
    return "" if usable else f"{said.split(' is ')[0]} holds something that is no text."


def _models(value: Any, said: str) -> str:
    for name, wishes in value.items():
        try:
            plan = Plan(name=name, recipe="any", algorithm="any")
            if wishes is not None:
                changed(plan, wishes)
        except (InvalidPlan, TypeError) as error:
            return f"{PREFIX}MODELS cannot be used: {error}"
    return ""


def _recommendations(value: Any, said: str) -> str:
    try:
        refuse_odd(value)
    except SettingError as error:
        return str(error)
    return ""


_PROBLEMS: Final[Mapping[str, Callable[[Any, str], str]]] = {
    "GLOBAL_HOLDOUT": _held_out,
    "HOLDOUT": _held_out,
    "BUFFER": _buffer,
    "POLICY_VERSION": _policy_version,
    "IDENTITY_LIMITS": _limits,
    "FEATURE_THRESHOLDS": _thresholds,
    "OUTBOUND_NETWORKS": _networks,
    "RECOMMENDATIONS": _recommendations,
    "MODELS": _models,
    "CONSENT_REGIMES": _regimes,
    "CONSENT_CATEGORIES": _categories,
    "TCF_PURPOSES": _tcf,
    "RETENTION_OF": _ages,
    "PRIVACY_KEYS": _texts,
    "ENCRYPTION_KEYS": _texts,
    "ENCRYPTED_TRAITS": _texts,
}
