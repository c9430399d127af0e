"""What visitors are asked: the site's own words in their language, or those that are shipped."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError

from personalization.privacy import texts
from personalization.privacy.models import ConsentText
from personalization.privacy.texts import Texts, texts_of

pytestmark = pytest.mark.django_db


def own(language: str, title: str, *, purpose: str = "", version: str = "1") -> ConsentText:
    text = f"The text of {title}"
    return ConsentText.objects.create(
        version=version, language=language, purpose=purpose, title=title, text=text
    )


def labels(said: Texts) -> list[str]:
    return [purpose.label for purpose in said.purposes]


def test_without_texts_of_its_own_a_site_asks_as_shipped() -> None:
    said = texts_of("en")
    assert said.title == "May we remember your visit?"
    assert labels(said) == ["Analytics", "Personalization", "Marketing"]
    assert (said.version, said.language) == ("1", "en")


def test_own_texts_stand_in_place_of_the_shipped_ones_one_by_one() -> None:
    own("en", "Biscuits?")
    own("en", "Counting", purpose="analytics")
    said = texts_of("en")
    assert (said.title, said.text) == ("Biscuits?", "The text of Biscuits?")
    assert labels(said) == ["Counting", "Personalization", "Marketing"]
    assert said.purposes[0].text == "The text of Counting"


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("de", "Kekse?"),
        ("de-at", "Kekse?"),
        ("de-ch", "Guetzli?"),
        ("fr", "Biscuits?"),
        ("", "Biscuits?"),
    ],
)
def test_the_nearest_language_is_asked_in(language: str, title: str) -> None:
    own("en", "Biscuits?")
    own("de", "Kekse?")
    own("de-CH", "Guetzli?")
    said = texts_of(language)
    assert said.title == title
    assert said.language == {"Kekse?": "de", "Guetzli?": "de-ch", "Biscuits?": "en"}[title]


def test_texts_of_another_version_are_not_asked(settings: Any) -> None:
    own("en", "Next year?", version="2")
    assert texts_of("en").title == "May we remember your visit?"
    settings.PERSONALIZATION_POLICY_VERSION = "2"
    assert texts_of("en").title == "Next year?"


def test_a_process_asks_once_for_all_languages(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        texts_of("en")
    with django_assert_num_queries(0):
        texts_of("de")


@pytest.mark.parametrize(("fresh", "title"), [(60.0, "May we remember your visit?"), (0.0, "New?")])
def test_a_changed_text_is_asked_after_a_while(
    monkeypatch: pytest.MonkeyPatch, fresh: float, title: str
) -> None:
    monkeypatch.setattr(texts, "FRESH", fresh)
    texts_of("en")
    own("en", "New?")
    assert texts_of("en").title == title


def test_every_word_is_in_the_digest() -> None:
    said = texts_of("en")
    digests = {said.digest, texts_of("de").digest}
    text = own("en", "Biscuits?", purpose="marketing")
    for changed in ("Other", "Another"):
        texts.forget()
        digests.add(texts_of("en").digest)
        text.text = changed
        text.save()
    assert len(digests) == 4
    assert all(len(digest) == 64 for digest in digests)


def test_the_same_words_have_the_same_digest() -> None:
    first = texts_of("en").digest
    texts.forget()
    assert texts_of("en").digest == first


def test_without_the_database_it_is_asked_as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**kwargs: Any) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(ConsentText.objects, "filter", fail)
    assert texts_of("en").title == "May we remember your visit?"
