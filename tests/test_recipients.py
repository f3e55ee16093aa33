"""Recipient lists: counted row by row, never held in memory; bad rows are counted and named."""

from __future__ import annotations

import copy
import pickle
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sessim
from sessim.errors import PlanError
from sessim.recipients import addresses, count

THREE = "a@x.com\nb@y.org\nc@z.net\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def counted(file: Path, text: str | bytes) -> int:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return count(file)


def said(file: Path, text: str | bytes) -> str:
    """Return the sentence with which a file is refused."""
    with pytest.raises(ValueError, match=r"list\.csv") as caught:
        counted(file, text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"address\n{THREE}",
        f"Email\n{THREE}".replace("\n", "\r\n"),
        f"\ufeffE-Mail\n{THREE}",  # as Excel saves it
        f"email\n\n{THREE}\n\n".removesuffix("\n"),
        "name,email\nAnn,a@x.com\nBob,b@y.org\nCid,c@z.net",
        "name;mail\nAnn, Lady;a@x.com\nBob;b@y.org\nCid;c@z.net",
        "name\trecipient\nAnn\ta@x.com\nBob\tb@y.org\nCid\tc@z.net",
        'name,address\n"Ann\nof the long\n\nname",a@x.com\n"B ""ob""",b@y.org\n,c@z.net',
        '"Name, first"; EMAIL ADDRESS \nAnn; a@x.com\nBob;b@y.org;more\nCid;c@z.net',
        f"\n \n\r\naddress\n{THREE}",
        'name,"full\n(given)\nname",address\nAnn,A,a@x.com\nBob,B,b@y.org\nCid,C,c@z.net',
        '\n"Name;\nfirst";"E-Mail\naddress";email\n\nAnn;?;a@x.com\nBob;?;b@y.org\nCid;?;c@z.net',
        f'"email\n  address"\n{THREE}',
        f'12" screen,address\n{THREE}'.replace("\n", "\n,").removesuffix("\n,"),
        f"address\n{THREE}".encode().replace(b"a@", "ä.ö-+'/=@".encode()),
    ],
)
def test_a_list_is_counted(file: Path, text: str | bytes) -> None:
    assert counted(file, text) == 3


def test_the_best_known_name_of_the_column_wins(file: Path) -> None:
    assert counted(file, "mail,address\nno,a@x.com\n") == 1
    assert list(addresses(file)) == [(2, "a@x.com")]


def test_bad_rows_are_counted_and_the_first_lines_named(file: Path) -> None:
    assert said(file, f"address\n{THREE}nobody\n") == (
        "file 'list.csv' has 1 row without a valid address (line 5); mend or remove them"
    )
    rows = "a@x.com\nnobody\n" * 100
    assert said(file, f"address\n{rows}") == (
        "file 'list.csv' has 100 rows without a valid address (lines 3, 5, 7, 9, 11, ...); "
        "mend or remove them"
    )


def test_lines_are_those_of_an_editor(file: Path) -> None:
    """Blank lines count, and a row of several lines is named by its first."""
    text = 'name,address\n\n"Ann\n\nfrom here",a@x.com\n\n"Bob\nfrom there",nobody\nCid\n'
    assert "2 rows without a valid address (lines 7, 9)" in said(file, text)


def test_lines_are_counted_from_the_top_whatever_the_header(file: Path) -> None:
    file.write_text("\n\nname,address\nAnn,a@x.com\n")
    assert list(addresses(file)) == [(4, "a@x.com")]
    file.write_text('\n"full\nname",address\n\nAnn,a@x.com\n')
    assert list(addresses(file)) == [(5, "a@x.com")]


def test_a_header_without_an_end_is_not_read_to_the_end(file: Path) -> None:
    assert "has no address column" in said(file, "\n" * 2**21)
    assert "is not readable as CSV (field larger than" in said(file, '"' + "name,\n" * 2**18)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "nobody",
            "@x.com",
            "a@",
            "a@x",
            "a@x..com",
            "a@.com",
            "a@x.com.",
            ".a@x.com",
            "a.@x.com",
        ),
        *("a b@x.com", "a@x.com b", "a@b@x.com", "<a@x.com>", "Ann <a@x.com>", "a..b@x.com", " "),
        *("a@x.com\x00", f"{'a' * 65}@x.com", f"a@{'x.' * 130}com"),
    ],
)
def test_no_address(file: Path, address: str) -> None:
    assert "1 row without a valid address (line 3)" in said(
        file, f"name,address\nAnn,a@x.com\nBob,{address}\n"
    )


@pytest.mark.parametrize("text", ["", "\n", "a@x.com\n", "name,phone\nAnn,3\n", "{'json': 1}"])
def test_a_file_without_a_column_of_addresses(file: Path, text: str) -> None:
    assert said(file, text) == (
        "file 'list.csv' has no address column; name one of its columns 'address'"
    )


@pytest.mark.parametrize("text", ["address", "address\n", "name,address\n\n\n"])
def test_a_file_without_recipients(file: Path, text: str) -> None:
    assert said(file, text) == "file 'list.csv' holds no recipients; add rows below the header"


@pytest.mark.parametrize("text", [f"address\n{THREE}".encode("utf-16"), b"address\na\xe4@x.com\n"])
def test_a_file_in_another_encoding(file: Path, text: bytes) -> None:
    assert said(file, text) == "file 'list.csv' is not UTF-8 text; save it as UTF-8"


@pytest.mark.parametrize("text", ['address\na@x.com\n"b@y.org\n', 'address\na@x.com\n"b"c@y.org'])
def test_a_file_with_broken_quotes_is_named_with_the_line(file: Path, text: str) -> None:
    assert said(file, text).startswith("file 'list.csv', line 3, is not readable as CSV (")


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^cannot read the file .*No such file .*; name another"):
        count(tmp_path / "nowhere.csv")
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(ValueError, match=r" is not a file; name a CSV file$"):
            count(path)


def test_a_task_counts_its_list_and_says_what_is_wrong(file: Path) -> None:
    counted(file, f"address\n{THREE}")
    task = sessim.Task("Launch", sender="a@b.com", recipients=str(file))
    assert task.requests == 3
    with pytest.raises(
        PlanError, match=r"^task 'Launch', recipients: '.*' holds 3, but requests is 4; "
    ):
        sessim.Task("Launch", sender="a@b.com", recipients=str(file), requests=4)
    file.write_text("address\nnobody\n")
    with pytest.raises(PlanError, match=r"^task 'Launch', recipients: file 'list.csv' has 1 row "):
        sessim.Task("Launch", sender="a@b.com", recipients=str(file))


def test_a_counted_number_goes_with_its_file_and_a_given_one_stays(tmp_path: Path) -> None:
    few, more = tmp_path / "few.csv", tmp_path / "more.csv"
    few.write_text("address\na@x.com\n")
    more.write_text(f"address\n{THREE}")
    task = sessim.Task("Launch", sender="a@b.com", recipients=str(few))
    for one in (task, pickle.loads(pickle.dumps(task)), copy.deepcopy(task)):
        assert (one.requests, replace(one).requests) == (1, 1)
        assert replace(one, recipients=str(more)).requests == 3
        assert replace(one, recipients=None).requests == 1
        assert replace(one, recipients=None, requests=5).requests == 5
    both = sessim.Task("Launch", sender="a@b.com", recipients=str(few), requests=1)
    assert both == task
    for one, changes in [(task, {"requests": 3}), (both, {"recipients": str(more)})]:
        with pytest.raises(PlanError, match=r"holds \d, but requests is \d; leave one of them out"):
            replace(one, **changes)
    few.write_text(f"address\n{THREE}")  # a list that has grown since
    assert replace(task).requests == 3


def test_a_counted_number_is_written_as_a_number(file: Path) -> None:
    counted(file, f"address\n{THREE}")
    plan = sessim.Plan(
        start="2026-12-01",
        domains=[sessim.Domain("b.com")],
        tasks=[sessim.Task("Launch", sender="a@b.com", recipients=str(file))],
    )
    assert type(plan.to_dict()["tasks"][0]["requests"]) is int


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | st.text('a@.;,"\n\r\t x').map(lambda text: f"address\n{text}".encode()))
def test_any_bytes_are_a_list_or_get_a_sentence(file: Path, text: bytes) -> None:
    try:
        assert counted(file, text) > 0
    except ValueError:
        said(file, text)


def test_a_million_rows_are_counted_quickly_in_flat_memory(file: Path) -> None:
    rows = "".join(f'"Name {k:06}",{k:06}@example.com\n' for k in range(10_000))
    with file.open("w") as stream:
        stream.write("name,address\n")
        for _ in range(100):
            stream.write(rows)
    begun = time.perf_counter()
    assert count(file) == 1_000_000
    assert time.perf_counter() - begun < 10  # about 1.5 s
    file.write_text("name,address\n" + rows)
    tracemalloc.start()
    assert count(file) == 10_000
    few = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert few < 500_000  # the file has 400 kB


def test_memory_does_not_grow_with_the_rows_or_their_length(file: Path) -> None:
    peaks = []
    for repeat in (1, 20):
        file.write_text("address\n" + "some.body@example.com\n" * 2_000 * repeat)
        tracemalloc.start()
        assert count(file) == 2_000 * repeat
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 50_000
    with file.open("wb") as stream:
        stream.write(b"address\n")
        stream.truncate(2**28)  # one line without an end
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"list.csv', line 2, is not readable as CSV"):
        count(file)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
