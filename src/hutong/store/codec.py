"""How entries and rows look at rest: the JSON of their Structs, as text.

JSON because an operator can read the audit log with any tool, and because many rows joined by
commas decode in one call. Encoding raises ValueError for text that UTF-8 cannot hold.
"""

import msgspec

from hutong.lifecycle.events import Entry
from hutong.lifecycle.rows import AttemptRow, ElementRow, JobRow
from hutong.store.contract import TokenRow

_encode = msgspec.json.Encoder().encode

ENTRIES = msgspec.json.Decoder(list[Entry])
JOBS = msgspec.json.Decoder(list[JobRow])
ATTEMPTS = msgspec.json.Decoder(list[AttemptRow])
ELEMENTS = msgspec.json.Decoder(list[ElementRow])
TOKENS = msgspec.json.Decoder(list[TokenRow])

Body = Entry | JobRow | AttemptRow | ElementRow | TokenRow


def encoded(body: Body) -> str:
    """A body as text."""
    return _encode(body).decode()
