"""Files as lines: plain or gzip, told by their content, with every failure of a file named.

A stream is text in UTF-8. What goes wrong below the rows (a file cut in the middle, bytes that are
no UTF-8) is said with the line where it happened.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from hutong.model.errors import HutongError, refuse

GZIP_MAGIC = b"\x1f\x8b"
HEAD_BYTES = 16_384


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, unpacking gzip whatever its name is."""
    try:
        with path.open("rb") as probe:
            packed = probe.read(2) == GZIP_MAGIC
        return cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error


def read_head(path: Path) -> str:
    """The first lines of a file, for telling its format; empty where there is nothing."""
    with open_bytes(path) as stream:
        try:
            head = stream.read(HEAD_BYTES)
        except (EOFError, zlib.error, OSError):
            head = _what_there_is(path)
    text = head.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


def read_bytes(path: Path) -> bytes:
    """All of a file that is read as one value, such as JSON."""
    with open_bytes(path) as stream:
        try:
            return stream.read()
        except (EOFError, zlib.error, OSError) as error:
            raise cut(path, 0, error) from error


def as_text(stream: IO[bytes]) -> io.TextIOWrapper:
    """Bytes as text whose line ends are kept as they are, as `csv` wants it."""
    return io.TextIOWrapper(cast(io.BufferedReader, stream), "utf-8-sig", newline="")


def unreadable(path: Path, error: OSError) -> HutongError:
    """A file that cannot be opened."""
    return refuse("file.unreadable", file=str(path), problem=error.strerror or str(error))


def cut(path: Path, line: int, error: Exception) -> HutongError:
    """A file that ends, or turns to rubbish, behind a line."""
    return refuse("trace.cut", file=str(path), line=line, problem=_sentence(error))


def not_utf8(path: Path) -> HutongError:
    """Find the line of a file whose bytes are no UTF-8."""
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = f"0x{line[error.start]:02x}"
                return refuse(
                    "trace.encoding", file=str(path), line=number, column=error.start + 1, byte=byte
                )
    raise AssertionError(f"{path} was not UTF-8 a moment ago and is now")


def forgiving_lines(stream: IO[bytes]) -> Iterator[str | None]:
    """Decode line by line; None stands for one that is no UTF-8."""
    for line in stream:
        try:
            yield line.decode().removeprefix("\ufeff")
        except UnicodeDecodeError:
            yield None


def _what_there_is(path: Path) -> bytes:
    """The begin of a gzip file that is cut."""
    try:
        return zlib.decompressobj(31).decompress(path.read_bytes(), HEAD_BYTES)
    except zlib.error:
        return b""


def _sentence(error: Exception) -> str:
    match error:
        case EOFError():
            return "the compressed file has no end"
        case zlib.error() | gzip.BadGzipFile():
            return "what is compressed in it is damaged"
        case csv.Error():
            return str(error)
        case _:
            return str(error) or type(error).__name__
