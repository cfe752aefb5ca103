"""The query text, checked and normalised."""

from __future__ import annotations

import unicodedata

from for_retrieval.errors import UsageError

MAX_CHARACTERS = 1000  # a query is a phrase; the tower reads a few dozen words at most


def parse_query(text: str) -> str:
    """The query, with single blanks for white space; UsageError if it is empty, too long, or not valid Unicode."""
    query = " ".join(text.split())
    if not query:
        raise UsageError('the query is empty; name what to look for, for example "red car"')
    if len(query) > MAX_CHARACTERS:
        length = f"{len(query):,} characters, the limit is {MAX_CHARACTERS:,}"
        raise UsageError(f"the query has {length}; name one object in a few words")
    try:
        query.encode()
    except UnicodeEncodeError:
        raise UsageError("the query is not valid UTF-8; check the terminal's encoding") from None
    return query


def language_warning(query: str) -> str | None:
    """A warning if most letters are not Latin, or if there are neither letters nor digits."""
    letters = [character for character in query if character.isalpha()]
    latin = sum(unicodedata.name(letter, "").startswith(("LATIN", "FULLWIDTH LATIN")) for letter in letters)
    if latin * 2 > len(letters) or (not letters and any(character.isdigit() for character in query)):
        return None
    return "the text tower knows English; results may be poor"
