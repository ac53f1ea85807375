"""A job file as it came: its text made sure of, and what its reading may use."""

import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

import msgspec

from hutong.catalog import Catalog
from hutong.model import limits
from hutong.model.errors import HutongError, refuse

Attach = Callable[[str], bytes]
"""Gives the bytes of a file that a job names, by its path below the job file's folder."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_MARKS = {
    b"\xef\xbb\xbf": "UTF-8 with a byte order mark",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class Source(msgspec.Struct, frozen=True):
    """One job file. `base` holds fields of `JobSpec` for what the file leaves unsaid.

    `now_ms` and `zone` give a meaning to times from now and to times without an offset; without
    `zone` it is this machine's.
    """

    text: str
    file: str
    catalog: Catalog
    base: Mapping[str, Any] = {}
    attach: Attach | None = None
    now_ms: int | None = None
    zone: tzinfo | None = None

    def syntax(self, line: int, problem: str, advice: str) -> HutongError:
        """Make the error for a file that is not even of its form."""
        return refuse("file.syntax", file=self.file, line=line, problem=problem, advice=advice)


def decode(data: bytes, file: str) -> str:
    """Turn the bytes of a job file into text, or refuse what is not UTF-8 or too large."""
    if len(data) > limits.JOB_FILE_BYTES:
        raise refuse(
            "file.syntax",
            file=file,
            line=1,
            problem=f"it has {len(data)} bytes, and {limits.JOB_FILE_BYTES} is the limit",
            advice="Keep large data in the site's own storage, and many jobs in several files.",
        )
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            raise _not_utf8(file, 1, f"it is {name}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _not_utf8(file, line, f"the byte 0x{data[error.start]:02x} is not UTF-8") from None


def _not_utf8(file: str, line: int, problem: str) -> HutongError:
    return refuse(
        "file.syntax",
        file=file,
        line=line,
        problem=problem,
        advice="Save the file as UTF-8 without a byte order mark.",
    )


def check_text(source: Source, *, windows_lines: bool) -> None:
    """Refuse a file that is empty, too large, or holds characters that nobody can see.

    `windows_lines` says whether the format takes lines that end in CR LF.
    """
    text = source.text
    if len(text) > limits.JOB_FILE_BYTES:
        decode(text.encode("utf-8", "replace"), source.file)
    if not text.strip():
        raise source.syntax(1, "it is empty", "Begin with the `name:` of a job.")
    if text[0] == "\ufeff":
        raise _not_utf8(source.file, 1, "it begins with a byte order mark")
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise source.syntax(
            line,
            f"it holds the control character U+{ord(found.group()):04X}",
            "Only tabs and line breaks are text; write other characters as an escape.",
        )
    if "\r" in text:
        _check_returns(source, windows_lines=windows_lines)


def _check_returns(source: Source, *, windows_lines: bool) -> None:
    text = source.text
    for found in re.finditer("\r", text):
        if windows_lines and text[found.end() : found.end() + 1] == "\n":
            continue
        raise source.syntax(
            text.count("\n", 0, found.start()) + 1,
            "the line ends in a carriage return, as on Windows",
            "Convert the file with `dos2unix`, or save it with Unix line ends.",
        )
