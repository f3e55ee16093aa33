"""Recipient groups: streamed, every row judged by itself (rows 40, 42 and 45 of the matrix)."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessim.errors import RecipientError
from sessim.fields import local_part_and_domain
from sessim.recipients import FORBIDDEN, Recipient, RecipientFile, Refusal, canonical
from sessim.senders.binding import Witnessed

IN_ONE_FILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def read(file: Path, text: str | bytes) -> list[Recipient | Refusal]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(RecipientFile(file))


def refused(file: Path, text: str | bytes) -> dict[int, str]:
    """Return the reasons of a list's refused rows by line; each is one line."""
    found = {row.line: row.reason for row in read(file, text) if isinstance(row, Refusal)}
    assert not any(FORBIDDEN.search(reason) for reason in found.values())
    return found


@pytest.mark.parametrize(
    "text",
    [
        "name,address,city\nAnn,a@x.com,Köln\nBob,b@y.org,\n",
        "\ufeffname;Email;city\r\nAnn; a@x.com;Köln\r\n\r\nBob;b@y.org;\r\n",
        'name\taddress\tcity\n"Ann"\ta@x.com\tKöln\nBob\tb@y.org\t\t\n',
    ],
)
def test_a_row_is_an_address_with_values(file: Path, text: str) -> None:
    first, second = read(file, text)
    assert first == Recipient(2, "a@x.com", "a@x.com", ("Ann", "Köln"))
    assert isinstance(second, Recipient)
    assert second[1:] == ("b@y.org", "b@y.org", ("Bob", ""))
    assert RecipientFile(file).variables == ("name", "city")


def test_a_bad_row_is_refused_by_itself_with_its_line_and_reason(file: Path) -> None:
    text = (
        "address,name\na@x.com,Ann\nnobody,Bob\nc@x.com\nd@x.com,Dan,more\n"
        'e@x.com,"E\nve"\n"f@x.com"x,Fay\n\ng@x.com,"",\nh@x.com,Hal\n'
    )
    rows = read(file, text)
    assert [row.address for row in rows if isinstance(row, Recipient)] == [
        "a@x.com", "g@x.com", "h@x.com",
    ]  # fmt: skip
    reasons = refused(file, text)
    assert sorted(reasons) == [3, 4, 5, 6, 8]
    assert reasons[3].startswith("address 'nobody' cannot be used (")
    assert reasons[4].startswith("has 1 fields, but the header has 2; give one a column")
    assert reasons[6] == (r"name 'E\nve' has line breaks or control characters; leave them out")
    assert "not readable as CSV" in reasons[8]


def test_a_quote_that_never_ends_costs_no_row_before_it(file: Path) -> None:
    rows = read(file, 'address,name\na@x.com,Ann\nb@x.com,"Bob\nc@x.com,Cid\n')
    assert [row.line for row in rows] == [2, 3]
    assert isinstance(rows[1], Refusal)
    assert rows[1].reason.startswith("lines 3 to 4 are not readable as CSV (")


@IN_ONE_FILE
@given(
    st.text("ab ", max_size=3),
    st.sampled_from(["\r", "\n", "\0", "\u2028", "\u2029", "\x85", "\x0b", "\x1b", "\x7f", "{{"]),
    st.text("ab ", max_size=3),
)
def test_no_variable_brings_what_ends_a_line(file: Path, a: str, end: str, b: str) -> None:
    rows = read(file, f'address,name\na@x.com,"{a}{end}{b}"\nb@x.com,Bob\n'.encode())
    assert [type(row) for row in rows] == [Refusal, Recipient]


@pytest.mark.parametrize(
    "value", ["👨\u200d👩\u200d👧", "שלום \u200f", "}}", "<b>&", "a\u00a0b", "=2+3"]
)
def test_what_is_only_unusual_is_a_value(file: Path, value: str) -> None:
    (row,) = read(file, f"address,name\na@x.com,{value}\n")
    assert isinstance(row, Recipient)
    assert row.values == (value,)


def test_bytes_that_are_not_utf8_cost_their_row_only(file: Path) -> None:
    text = b"address,name\na@x.com,Ann\n" + b"b@x.com,J\xf6rg\nc@x.com,Cid\n"
    assert refused(file, text) == {3: "name is not UTF-8 text; save the list as UTF-8"}
    with pytest.raises(RecipientError, match="is not UTF-8 text"):
        read(file, "address\na@x.com\n".encode("utf-16"))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("name,phone", "has no address column"),
        ("", "has no address column"),
        ("address,name,name", "column 3 is called 'name', as one before"),
        ("address,,name", "column 2 has no name"),
        ("address,a{b", "which no template could name"),
    ],
)
def test_a_header_that_no_template_could_use(file: Path, header: str, said: str) -> None:
    with pytest.raises(RecipientError, match=said):
        read(file, f"{header}\na@x.com,b,c\n")


def test_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.csv"):
        with pytest.raises(RecipientError, match="; name "):
            RecipientFile(path)


# --- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address", "key"),
    [
        ("Ann@X.com", "Ann@x.com", "ann@x.com"),
        ("ann+news@x.com", "ann+news@x.com", "ann+news@x.com"),
        ("a@Bücher.example", "a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("jörg@x.com", "jörg@x.com", "jörg@x.com"),
        ("o'neil@x.com", "o'neil@x.com", "o'neil@x.com"),
        ("a" * 64 + "@x.com", "a" * 64 + "@x.com", "a" * 64 + "@x.com"),
    ],
)
def test_an_address_and_its_key(text: str, address: str, key: str) -> None:
    assert canonical(text) == (address, key)


@pytest.mark.parametrize(
    "text",
    [
        *(
            '"a b"@x.com',
            "a@[127.0.0.1]",
            "Ann <a@x.com>",
            "a@x.com>",
            "a@x.com\r\nRCPT TO:<b@y.z>",
        ),
        *(
            "x@y.z>\r\nRCPT TO:<q@y.z",
            "a\0@x.com",
            "a@x.com\0",
            "a@x",
            "@x.com",
            "a@",
            "",
            "a@b@c.de",
        ),
        *("a" * 65 + "@x.com", "ä" * 33 + "@x.com", f"a@{'x' * 64}.com", f"a@{'x.' * 127}com"),
        *(f"{'a' * 64}@{'x' * 63}.{'y' * 63}.{'z' * 60}.com", "a@x.com\u2028", "a..b@x.com"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="remove the row"):
        canonical(text)


@given(st.text("aZ0._+-'é \n", max_size=70), st.sampled_from(["x.com", "X.Com", "bücher.de"]))
def test_the_quick_way_judges_as_the_validator_does(local: str, domain: str) -> None:
    try:
        slow = "@".join(local_part_and_domain(f"{local}@{domain}"))
    except ValueError:
        slow = None
    try:
        quick = canonical(f"{local}@{domain}")[0]
    except ValueError:
        quick = None
    assert quick == slow


# --- many ---------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_rows(file: Path) -> None:
    peaks = []
    for rows in (1_000, 20_000):
        file.write_text("address,name\n" + "some.body@example.com,Some Body\n" * rows)
        tracemalloc.start()
        assert sum(1 for _ in RecipientFile(file)) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 50_000


def test_no_address_and_no_value_stands_in_a_repr(file: Path) -> None:
    rows = read(file, "address,name\nann@x.com,Ann\nnobody,Bob\n")
    text = repr([*rows, RecipientFile(file)])
    assert not any(word in text for word in ("ann", "Ann", "nobody", "Bob"))


@pytest.mark.parametrize(
    "changed",
    [
        b"address,name\na@x.com,Ann \n",
        b"address,name\na@x.com,Ann\n\n",
        b"address,name\r\na@x.com,Ann\n",
        b"\xef\xbb\xbfaddress,name\na@x.com,Ann\n",
        b"address;name\na@x.com;Ann\n",
        b"address,Name\na@x.com,Ann\n",
        b"name,address\na@x.com,Ann\n",
        b"",
    ],
)
def test_a_digest_sees_the_header_and_every_byte(file: Path, changed: bytes) -> None:
    def digest() -> str:
        seen = hashlib.sha256()
        assert list(group.read(seen)) == list(group)
        return seen.hexdigest()

    before = b"address,name\na@x.com,Ann\n"
    file.write_bytes(before)
    group = RecipientFile(file)
    first = digest()
    file.write_bytes(changed)
    assert digest() != first  # though the group knows the old header
    if changed:
        group = RecipientFile(file)
        assert digest() != first
    file.write_bytes(before)
    group = RecipientFile(file)
    assert digest() == first


def test_a_digest_takes_no_memory(file: Path) -> None:
    peaks = []
    for rows in (1000, 100_000):
        file.write_text("address,name\n" + "some.body@example.com,Some Body\n" * rows)
        group = Witnessed(RecipientFile(file))
        tracemalloc.start()
        assert sum(1 for _ in group) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(group.digest) == 64
    assert peaks[1] < peaks[0] + 50_000
