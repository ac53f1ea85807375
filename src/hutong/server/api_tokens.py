"""Tokens: list, make, revoke."""

from typing import cast

import msgspec

from hutong.server.endpoint import Answer, Call
from hutong.server.tokens import make_row, new_secret, token_view
from hutong.wire.api import TokenRequest


async def list_tokens(call: Call) -> Answer:
    """All tokens, without their secrets."""
    return Answer([token_view(row) for row in call.hub.tokens.rows()])


async def make_token(call: Call) -> Answer:
    """Make a token. Its secret is in this answer and nowhere else."""
    driver = call.hub.driver
    secret = new_secret()
    row = make_row(cast(TokenRequest, call.body), secret, driver.clock.now_ms())
    await driver.write(driver.store.put_token, row)
    call.hub.tokens.put(row)
    return Answer(token_view(row, secret))


async def revoke_token(call: Call) -> Answer:
    """End a token, from this answer on. Repeating it changes nothing."""
    driver = call.hub.driver
    row = call.hub.tokens.by_id(call.params["token"])
    if not row.revoked_ms:
        row = msgspec.structs.replace(row, revoked_ms=driver.clock.now_ms())
        await driver.write(driver.store.put_token, row)
        call.hub.tokens.put(row)
    return Answer(token_view(row))
