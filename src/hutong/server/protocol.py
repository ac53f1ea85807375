"""The HTTP library's protocol, with the hub's manners for what never reaches the application."""

import secrets

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hutong.model.errors import refuse
from hutong.model.limits import BULK_BODY_BYTES


class Protocol(HttpToolsProtocol):
    """Answers what is no HTTP as an error of the catalogue, and hangs up on endless bodies."""

    discarded_bytes = 0

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be read, and close."""
        body = msgspec.json.encode(refuse("request.malformed", problem="it is not HTTP").body())
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n"
            f"x-hutong-cause: p{secrets.token_hex(6)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def on_message_begin(self) -> None:
        """A new request begins."""
        self.discarded_bytes = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Take in a piece. What follows an answer is thrown away, up to a bound."""
        if self.cycle.response_complete:
            self.discarded_bytes += len(body)
            if self.discarded_bytes > BULK_BODY_BYTES:
                self.transport.close()
        super().on_body(body)
