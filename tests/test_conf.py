"""Settings are typed, have defaults and are read live."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings

from personalization.conf import Settings, names, settings
from personalization.exceptions import SettingError


def test_a_default_stands_until_the_site_says_otherwise() -> None:
    assert settings.VISITOR_COOKIE == "pz_id"
    with override_settings(PERSONALIZATION_VISITOR_COOKIE="who"):
        assert settings.VISITOR_COOKIE == "who"
    assert settings.VISITOR_COOKIE == "pz_id"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VISITOR_COOKIE", None),
        ("VISITOR_COOKIE", b"pz_id"),
        ("VISITOR_COOKIE_AGE", 3600),
        ("COOKIE_SECURE", "yes"),
        ("COOKIE_SECURE", 1),
        ("WORKER_BATCH", "100"),
        ("WORKER_BATCH", 1.5),
        ("WORKER_BATCH", True),
        ("TRACKER_KEY", 7),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: Any) -> None:
    with (
        override_settings(**{f"PERSONALIZATION_{name}": value}),
        pytest.raises(SettingError) as caught,
    ):
        getattr(settings, name)
    assert str(caught.value) == (
        f"PERSONALIZATION_{name} is {value!r}; a {type(vars(Settings)[name]).__name__} is needed."
    )


def test_a_subclass_of_the_type_will_do() -> None:
    class Text(str):
        __slots__ = ()

    with override_settings(PERSONALIZATION_TRACKER_KEY=Text("key")):
        assert settings.TRACKER_KEY == "key"


def test_every_setting_has_a_name_a_type_and_a_usable_default() -> None:
    assert len(names()) == len(set(names())) > 10
    for name in names():
        default = getattr(settings, name.removeprefix("PERSONALIZATION_"))
        assert isinstance(default, str | bool | int | float | timedelta | tuple | Mapping)


def test_a_setting_that_does_not_exist_is_an_error_of_its_reader() -> None:
    with pytest.raises(AttributeError):
        settings.NO_SUCH_THING  # type: ignore[attr-defined]  # noqa: B018
