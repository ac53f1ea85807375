"""Server-sent events out of bytes."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from hutong.client.sse import Message, Parser

STREAM = (
    b': hello\n\nid: 4\nevent: JobEnded\ndata: {"a": 1}\n\n'
    b"id:5\r\nevent:AttemptMoved\r\ndata:one\r\ndata: two\r\n\r\nevent: poke\n\n: end\n\n"
)
MESSAGES = [Message("4", "JobEnded", '{"a": 1}'), Message("5", "AttemptMoved", "one\ntwo")]


@given(st.lists(st.integers(0, len(STREAM))))
def test_messages_do_not_depend_on_how_the_bytes_are_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    parser = Parser()
    found = []
    for start, end in itertools.pairwise(places):
        found += parser.feed(STREAM[start:end])
    assert found == MESSAGES


def test_an_unfinished_message_is_not_given() -> None:
    assert list(Parser().feed(b"data: half\n")) == []


@given(st.binary())
def test_no_bytes_can_upset_it(noise: bytes) -> None:
    for message in Parser().feed(noise + b"\n\n"):
        assert isinstance(message.data, str)
