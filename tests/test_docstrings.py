"""What is read out of docstrings."""

from __future__ import annotations

from augpipe.docstrings import attributes, description, entries


class Base:
    """A base.

    Attributes:
        shared: said of the base.
        both: said of the base, too.
    """


class Derived(Base):
    """First line.

    A paragraph: with a colon.

    Attributes:
        both: said anew, over
            two lines: with a colon.
        own: last.

    Raises:
        ValueError: never.
    """


class Silent(Base):
    pass


def function():
    """Does it.

    Args:
        first: one
            thing.
        **rest: others.

    Returns:
        nothing: at all.
    """


def test_a_description_ends_where_sections_begin():
    assert description(Derived) == "First line.\n\nA paragraph: with a colon."
    assert description(Silent) == ""


def test_attributes_of_bases_count_unless_said_anew():
    assert attributes(Derived) == {
        "shared": "said of the base.",
        "both": "said anew, over two lines: with a colon.",
        "own": "last.",
    }
    assert attributes(Silent) == attributes(Base)


def test_a_section_ends_where_the_next_begins():
    assert entries(function, "Args") == {"first": "one thing."}
    assert entries(function, "Yields") == {}
