"""Names out of traces, made names that Hutong takes."""

from zlib import crc32

from hutong.model.ids import is_name

DEFAULT = "default"
_LONGEST = 50


def tenant_name(text: str) -> str:
    """A tenant's name for a word of a trace: itself where it may be one.

    Else what is not allowed is left out and a check sum of the word is put behind it, so that two
    words never become one name. An empty word is the tenant `default`.
    """
    if not text:
        return DEFAULT
    if is_name(text):
        return text
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in text.lower())
    kept = kept.strip("-")[:_LONGEST].strip("-") or "t"
    while "--" in kept:
        kept = kept.replace("--", "-")
    return f"{kept}-{crc32(text.encode('utf-8', 'surrogateescape')):08x}"
