"""What counts as a query."""

from __future__ import annotations

import pytest

from for_retrieval.errors import UsageError, printable
from for_retrieval.query.parse import language_warning, parse_query


def test_white_space_is_normalised():
    assert parse_query("\t red \n\n car  ") == "red car"
    assert len(parse_query("x" * 1000)) == 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (" " * 5000, "is empty"),
        ("x" * 1001, "1,001 characters"),
        ("a\udce9", "not valid UTF-8"),
    ],
)
def test_refused(text, message):
    with pytest.raises(UsageError, match=message):
        parse_query(text)


@pytest.mark.parametrize("query", ["red car", "Käfer, français", "4x4", "911", "2 cars 汽", "\uff23\uff21\uff32"])
def test_latin(query):
    assert language_warning(query) is None


@pytest.mark.parametrize("query", ["汽车", "красная машина", "سيارة", "🚗", "???", "car 红色的汽车"])
def test_not_latin(query):
    assert "knows English" in language_warning(query)


def test_printable():
    assert printable("a\nb\x1b[31m\u202egnp.exe\udcff é 汽") == r"a\nb\x1b[31m\u202egnp.exe\udcff é 汽"
