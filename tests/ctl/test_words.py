"""Text for people: safe, measured, cut and folded; tables that fit."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hived.ctl import words
from hived.ctl.table import Column, lay_out

TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("\x1b\x07\u202e\u200d\u3000日é́\t\r ")))


@given(TEXTS)
def test_clean_text_has_nothing_a_terminal_obeys(text: str) -> None:
    shown = words.clean(text)
    assert shown.isprintable()
    assert all(unicodedata.category(char)[0] not in "C" for char in shown)
    assert words.clean(shown) == shown


@pytest.mark.parametrize(
    "text,shown",
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eabc", "\\u202eabc"),
        ("\ud800", "\\ud800"),
        ("a\xa0b", "a b"),
        ("日本 é", "日本 é"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert words.clean(text) == shown


@given(TEXTS.map(words.clean), st.integers(0, 30))
def test_cut_text_fits_and_begins_the_same(text: str, width: int) -> None:
    short = words.cut(text, width)
    assert words.columns(short) <= width
    assert short == text or text.startswith(short.removesuffix(words.ELLIPSIS))
    assert words.columns(words.pad(short, 30)) == words.columns(words.pad(short, 30, ">")) == 30


@given(TEXTS, st.integers(10, 40))
def test_folded_lines_fit_and_lose_only_spaces(text: str, width: int) -> None:
    lines = list(words.fold(text, width))
    assert all(words.columns(line) <= width and line.isprintable() for line in lines)
    whole = list(words.fold(text, None))
    assert "".join(lines).replace(" ", "") == "".join(whole).replace(" ", "")


@given(st.lists(st.lists(TEXTS, min_size=4, max_size=4), max_size=6), st.integers(20, 120))
def test_a_table_fits(rows: list[list[str]], width: int) -> None:
    heads = [
        Column("ONE", least=5),
        Column("TWO", ">", least=3, drop=1),
        Column("THREE", least=6, drop=2),
        Column("F", drop=3),
    ]
    lines = lay_out(heads, rows, width)
    assert len(lines) == len(rows) + 1
    assert all(words.columns(line) <= width and line.isprintable() for line in lines)


def test_a_table_gives_way_in_order() -> None:
    heads = [Column("NAME", least=4), Column("NOTE", least=10, drop=2), Column("COST", drop=1)]
    rows = [["ada", "a note of some length", "$1"]]
    assert lay_out(heads, rows, None)[1] == "ada   a note of some length  $1"
    assert lay_out(heads, rows, 25)[1] == "ada   a note of so…  $1"
    assert lay_out(heads, rows, 20)[1] == "ada   $1"
    assert lay_out(heads, rows, 8)[1] == "ada"


def test_a_column_without_content_is_left_out() -> None:
    heads = [Column("NAME"), Column("NOTE", drop=1)]
    assert lay_out(heads, [["ada", ""]], 80)[0] == "NAME"


@pytest.mark.parametrize(
    "shown,meant",
    [
        (words.age(59), "59s"),
        (words.age(-3), "0s"),
        (words.age(200), "3m"),
        (words.age(7300), "2h"),
        (words.age(200_000), "2d"),
        (words.took(None), "?"),
        (words.took(12_345), "12.3s"),
        (words.took(192_000), "3m12s"),
        (words.took(7_440_000), "2h04m"),
        (words.amount(812), "812"),
        (words.amount(1_200), "1.2k"),
        (words.amount(45_000), "45k"),
        (words.amount(1_200_000), "1.2M"),
        (words.money(0), "$0.00"),
        (words.money(0.0012), "$0.0012"),
        (words.money(1.234), "$1.23"),
        (words.count(1, "turn"), "1 turn"),
        (words.count(2, "turn"), "2 turns"),
        (words.model_name("claude-haiku-4-5-20251001"), "haiku-4-5"),
        (words.model_name("sonnet"), "sonnet"),
        (words.model_name("gpt-12"), "gpt-12"),
    ],
)
def test_short_forms(shown: str, meant: str) -> None:
    assert shown == meant
