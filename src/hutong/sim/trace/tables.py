"""Tables with a header row: where its columns are."""

import csv
from collections.abc import Mapping, Sequence

from hutong.model.errors import refuse
from hutong.sim.trace.reading import Column, Reading, Rows


def columns_at(
    reading: Reading, rows: Rows, columns: Sequence[Column], format_name: str
) -> tuple[int, ...]:
    """Read the header row and give the positions of columns; -1 for one that may be missing.

    A column that may be missing is one that may be `empty`. Raises `trace.columns`, or
    `trace.empty` where there is no row at all.
    """
    header = [name.strip() for name in next(rows, ())]
    if not header:
        raise refuse("trace.empty", file=str(reading.path), skipped=reading.skipped.count)
    wanted = [column.name for column in columns if not column.empty and column.name not in header]
    if wanted:
        raise refuse(
            "trace.columns",
            file=str(reading.path), columns=", ".join(wanted), format=format_name,
        )  # fmt: skip
    at = tuple(header.index(column.name) if column.name in header else -1 for column in columns)
    rows.expect(columns, at, len(header))
    return at


def one_of(
    reading: Reading,
    rows: Rows,
    wanted: Mapping[str, Sequence[str]],
    needed: Sequence[str],
    format_name: str,
) -> dict[str, int]:
    """Read the header row and give the position of the first of some names, in any case.

    `wanted` are the names that a column may have (in small letters), by what it is read as; of
    those in `needed` there must be one. Raises as `columns_at` does.
    """
    header = [name.strip().lower() for name in next(rows, ())]
    if not header:
        raise refuse("trace.empty", file=str(reading.path), skipped=reading.skipped.count)
    at: dict[str, int] = {}
    for what, names in wanted.items():
        found = next((name for name in names if name in header), None)
        if found is not None:
            at[what] = header.index(found)
        elif what in needed:
            raise refuse(
                "trace.columns", file=str(reading.path), columns=names[0], format=format_name
            )
    rows.expect((), (), len(header))
    return at


def header_of(head: str, delimiter: str = ",") -> list[str]:
    """The names of the first row of a file's begin."""
    line = head.partition("\n")[0].rstrip("\r")
    row = next(csv.reader([line], delimiter=delimiter), [])
    return [name.strip() for name in row]


def header_has(head: str, *names: str, delimiter: str = ",") -> bool:
    """Whether the first row of a file's begin names all these columns."""
    header = header_of(head, delimiter)
    return all(name in header for name in names)
