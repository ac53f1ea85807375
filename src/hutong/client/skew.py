"""How far the hub's clock and this machine's are apart."""

import time
from email.utils import parsedate_to_datetime

from hutong.client.calls import Caller, path


def measure(caller: Caller) -> int | None:
    """Give the hub's clock minus this machine's, in ms; None when the answer bears no date.

    The date in an answer's head counts whole seconds, so what lies within one is taken as none.
    """
    sent_ms = time.time_ns() // 1_000_000
    reply = caller.send("GET", path("health"))
    heard_ms = time.time_ns() // 1_000_000
    try:
        hub_ms = int(parsedate_to_datetime(reply.headers["date"]).timestamp() * 1000)
    except (KeyError, ValueError, TypeError):
        return None
    # The hub's clock stood between hub_ms and hub_ms + 999 at a moment between sent and heard.
    if hub_ms + 999 < sent_ms:
        return hub_ms + 999 - sent_ms
    if hub_ms > heard_ms:
        return hub_ms - heard_ms
    return 0
