from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessim.senders.parsing import Lost, Replies, cleaned
from sessim.senders.replies import Reply

TALK = (
    b"220 host ESMTP\r\n"
    b"250-host\r\n250-SIZE 10\r\n250 8BITMIME\r\n"
    b"250\r\n354 go\n"
    b"550-5.1.1 no such\r\n550 5.1.1 user\r\n"
    b"250 2.0.0 ok queued as 1\r\n451 5.1.1 odd\r\n"
)
REPLIES = [
    Reply(220, "", "host ESMTP"),
    Reply(250, "", "host\nSIZE 10\n8BITMIME"),
    Reply(250, "", ""),
    Reply(354, "", "go"),
    Reply(550, "5.1.1", "no such\nuser"),
    Reply(250, "2.0.0", "ok queued as 1"),
    Reply(451, "", "5.1.1 odd"),
]


@given(st.lists(st.integers(0, len(TALK)), max_size=20))
def test_replies_are_the_same_in_whatever_pieces(cuts: list[int]) -> None:
    replies = Replies()
    edges = [0, *sorted(cuts), len(TALK)]
    for start, end in itertools.pairwise(edges):
        replies.feed(TALK[start:end])
    assert list(replies.ready) == REPLIES
    replies.ready.clear()
    assert replies.is_empty


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x\r\n", "no SMTP: 'x'"),
        (b"25\r\n", "no SMTP"),
        (b"2500 x\r\n", "no SMTP"),
        (b"150 x\r\n", "no SMTP"),
        (b"600 x\r\n", "no SMTP"),
        (b"250 a\0\r\n", "no SMTP"),
        (b"250-a\r\n251 b\r\n", "changed the code"),
        (b"250 " + b"x" * 5000, "a line of more than 4096 bytes"),
        (b"250 " + b"x" * 5000 + b"\r\n", "a line of more than 4096 bytes"),
        (b"250-a\r\n" * 129, "a reply of more than 128 lines"),
        (b"250 a\r\n" * 65, "replies to nothing"),
    ],
)
def test_what_is_no_reply_or_too_much(data: bytes, said: str) -> None:
    with pytest.raises(Lost, match=said):
        Replies().feed(data)


@given(st.text(max_size=1000))
def test_words_are_printable_and_short(words: str) -> None:
    assert cleaned(words).isprintable()
    assert len(cleaned(words)) <= 400
