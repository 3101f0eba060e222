"""Languages: what is spoken where, and that the catalogues are whole and say what the English does."""

from __future__ import annotations

import gettext
import io
import re
from typing import TYPE_CHECKING

import pytest
from babel.messages.pofile import read_po

from scripts import translations
from verify.commands.releases import check_language
from verify.errors import InvalidUsageError
from verify.translation import (
    ENGLISH,
    LANGUAGES,
    _,
    is_kept_english,
    keep_english,
    marked,
    ngettext,
    speaking,
    spoken,
    translated_sentence,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from babel.messages.catalog import Message

OTHERS = [code for code in LANGUAGES if code != ENGLISH.code]
PLACEHOLDER = re.compile(r"\{(\w*)\}|%\((\w+)\)s")
TAG = re.compile(r"</?\w[^>]*>")
# As in English: nothing is proven, fake or authentic.
FORBIDDEN = {
    "fr": re.compile(r"prouv|preuve|\bfaux\b|\bfausses? (vidéo|image)|falsifi|truqu|authenti", re.IGNORECASE),
    "ur": re.compile("ثابت|ثبوت|جعلی|نقلی|مستند|مصدقہ"),
}
DIRECTION_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def messages(code: str) -> Iterator[tuple[Message, list[str], list[str]]]:
    with translations.po_path(code).open("rb") as file:
        for message in read_po(file, locale=code):
            if message.id:
                plural = isinstance(message.id, tuple)
                yield (
                    message,
                    list(message.id if plural else [message.id]),
                    list(message.string if plural else [message.string]),
                )


def placeholders(text: str) -> set[str]:
    return {first or second for first, second in PLACEHOLDER.findall(text)}


# --- the catalogues ---


def test_catalogues_are_whole_and_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    code = translations.main(["--check"])
    assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize("code", OTHERS)
def test_every_form_of_a_plural_is_there(code: str) -> None:
    for _message, ids, strings in messages(code):
        assert len(strings) == len(ids)
        assert all(strings), ids


@pytest.mark.parametrize("code", OTHERS)
def test_placeholders_agree(code: str) -> None:
    for _message, ids, strings in messages(code):
        known = set().union(*map(placeholders, ids))
        for text, original in zip(strings, ids, strict=True):
            # A language may say a number in words where English does not, and the other way round.
            assert placeholders(text) <= known, (text, original)
            assert placeholders(original) - {"count", "num"} <= placeholders(text), (text, original)


@pytest.mark.parametrize("code", OTHERS)
def test_translations_can_be_filled_in(code: str) -> None:
    for _message, ids, strings in messages(code):
        for text, original in zip(strings, ids, strict=True):
            values = dict.fromkeys(placeholders(original) | placeholders(text), 1)
            if any("%(" in each for each in ids):
                assert text % values
            else:
                assert text.format(**values)


@pytest.mark.parametrize("code", OTHERS)
def test_translations_bring_no_markup_of_their_own(code: str) -> None:
    for _message, ids, strings in messages(code):
        for text, original in zip(strings, ids, strict=True):
            assert TAG.findall(text) == TAG.findall(original)
            assert not DIRECTION_CONTROLS.search(text)


@pytest.mark.parametrize("code", OTHERS)
def test_translations_keep_to_what_may_be_said(code: str) -> None:
    for _message, _ids, strings in messages(code):
        for text in strings:
            assert not FORBIDDEN[code].search(text), text


def test_a_text_that_is_wanted_again_keeps_its_translation() -> None:
    texts = translations.extract()
    without = translations.Catalog()
    dropped = "Sound is not compared."
    for message in texts:
        if message.id and message.id != dropped:
            without.add(message.id)
    first = translations.updated("fr", without)
    assert dropped in first.obsolete
    assert not translations.missing(translations.updated("fr", texts))


def test_missing_translations_are_told() -> None:
    catalog = translations.Catalog(locale="fr")
    catalog.add("one", "un")
    catalog.add("two")
    catalog.add(("a match", "matches"), ("une correspondance", ""))
    assert translations.missing(catalog) == ["two", "a match"]


def test_an_mo_file_holds_what_is_translated() -> None:
    po = translations.po_path("fr").read_bytes()
    catalogue = gettext.GNUTranslations(io.BytesIO(translations.mo_bytes(po, "fr")))
    assert catalogue.gettext("Sound is not compared.") == "Le son n'est pas comparé."
    assert catalogue.ngettext("{count} pair", "{count} pairs", 2) == "{count} paires"
    assert catalogue.gettext("not there") == "not there"
    assert catalogue.info()["plural-forms"] == "nplurals=2; plural=(n > 1);"


# --- speaking ---


def test_english_is_spoken_unless_another_language_is() -> None:
    assert spoken() == ENGLISH
    with speaking("ur") as language:
        assert language.direction == "rtl"
        assert spoken().code == "ur"
        with speaking("en"):
            assert _("Sound is not compared.") == "Sound is not compared."
        assert _("Sound is not compared.") == "آواز کا موازنہ نہیں کیا جاتا۔"
    assert spoken() == ENGLISH


def test_an_unknown_language_is_an_error() -> None:
    with pytest.raises(KeyError), speaking("xx"):
        pass


def test_plurals_follow_the_language() -> None:
    forms = ("{count} place", "{count} places")
    assert [ngettext(*forms, count) for count in (0, 1, 2)] == ["{count} places", "{count} place", "{count} places"]
    with speaking("fr"):
        assert [ngettext(*forms, count) for count in (0, 1, 2)] == [
            "{count} endroit",
            "{count} endroit",
            "{count} endroits",
        ]
    with speaking("ur"):
        assert [ngettext(*forms, count) for count in (0, 1)] == ["{count} مقامات", "{count} مقام"]


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_empty_text_stays_empty(code: str) -> None:
    with speaking(code):
        assert _("") == ""
        assert translated_sentence("") == ""


def test_a_recorded_sentence_without_translation_stays_and_is_known_to() -> None:
    with speaking("fr"):
        assert translated_sentence("A sentence that nobody knows.") == "A sentence that nobody knows."
        assert is_kept_english("A sentence that nobody knows.")
        assert translated_sentence("stated by the operator") == "indiquée par l'opérateur"
        assert not is_kept_english("stated by the operator")
        with speaking("en"):
            keep_english("not in English")
        assert not is_kept_english("not in English")
    assert not is_kept_english("A sentence that nobody knows.")
    assert marked("as it is") == "as it is"


def test_languages_are_named_where_one_is_unknown() -> None:
    assert check_language("ur") == "ur"
    with pytest.raises(InvalidUsageError, match=r"en \(English\), fr \(Français\), ur \(اردو\)"):
        check_language("tlh")
