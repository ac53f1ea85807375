"""Tables that fit, whatever is in them."""

from hypothesis import given
from hypothesis import strategies as st

from hutong.cli.table import Cell, Column, columns_of, cut, cut_front, render

COLUMNS = (Column("ID"), Column("NAME", least=4), Column("N", right=True, spare=1))


def test_columns_line_up_and_numbers_stand_right() -> None:
    lines = render(COLUMNS, [["j1", "a", "7"], ["j123", "long", "1000"]], width=80, colour=False)
    assert lines == ["ID    NAME     N", "j1    a        7", "j123  long  1000"]


def test_the_widest_column_that_may_be_cut_is_cut() -> None:
    lines = render(COLUMNS, [["j1234567", "abcdefghij", "1"]], width=18, colour=False)
    assert lines[1] == "j1234567  abcd…  1"


def test_a_column_that_can_be_spared_goes_before_others_get_too_narrow() -> None:
    lines = render(COLUMNS, [["j1234567", "abcdefghij", "1"]], width=15, colour=False)
    assert lines == ["ID        NAME", "j1234567  abcd…"]


def test_wide_characters_count_twice() -> None:
    assert columns_of("北京") == 4
    assert columns_of("é") == 1
    assert cut("北京天津", 5) == "北京…"
    assert cut("北京天津", 4) == "北…"
    lines = render(COLUMNS, [["j1", "北京", "1"], ["j2", "abcd", "1"]], width=80, colour=False)
    assert columns_of(lines[1]) == columns_of(lines[2])


def test_a_path_keeps_its_end() -> None:
    assert cut_front("site/pool/node-7", 7) == "…node-7"
    assert cut_front("short", 7) == "short"


def test_a_style_goes_round_the_text_and_not_its_padding() -> None:
    lines = render(COLUMNS, [[Cell("j1", "red"), "a", "7"]], width=80, colour=True)
    assert "\x1b[31mj1\x1b[0m  " in lines[1]


@given(
    st.lists(
        st.tuples(st.text(max_size=30), st.text(max_size=30), st.text(max_size=9)), max_size=5
    ),
    st.integers(1, 100),
)
def test_no_text_can_break_a_line_or_the_width(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    lines = render(COLUMNS, rows, width=width, colour=False)
    assert len(lines) == 1 + len(rows)
    for line in lines:
        assert columns_of(line) <= width
        assert line.isprintable()


@given(st.text(), st.integers(0, 20))
def test_a_cut_text_fits(text: str, size: int) -> None:
    assert columns_of(cut(text, size)) <= max(size, 0)
    assert columns_of(cut_front(text, size)) <= max(size, 0)
