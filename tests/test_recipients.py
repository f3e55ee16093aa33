"""Recipient lists: counted row by row, never held in memory; bad rows are counted and named."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sessim
from sessim.errors import PlanError
from sessim.recipients import Recipient, RecipientFile, survey

THREE = "a@x.com\nb@y.org\nc@z.net\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def counted(file: Path, text: str | bytes) -> int:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return survey(file).good


def addresses(file: Path) -> list[tuple[int, str]]:
    """Return the recipients of a file: their lines and addresses."""
    rows = [row for row in RecipientFile(file) if isinstance(row, Recipient)]
    return [(row.line, row.address) for row in rows]


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
        'name,address\n"Ann, of the long name",a@x.com\n"B ""ob""",b@y.org\n,c@z.net',
        '"Name, first"; EMAIL ADDRESS \nAnn; a@x.com\nBob;b@y.org;\nCid;c@z.net',
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
    assert addresses(file) == [(2, "a@x.com")]


def test_bad_rows_are_left_out_and_the_first_lines_named(file: Path) -> None:
    assert counted(file, f"address\n{THREE}nobody\na@x.com\nA@X.com\n") == 3
    found = survey(file)
    assert found.refused == 3
    assert str(found).startswith(
        "3 rows that cannot be used (lines 5, 6, 7), the first: address 'nobody' cannot be"
    )
    assert [row.reason for row in found.first[1:]] == [
        "address is that of a line before; remove one of them"
    ] * 2
    rows = "".join(f"a{i}@x.com\nnobody\n" for i in range(100))
    assert counted(file, f"address\n{rows}") == 100
    assert "100 rows that cannot be used (lines 3, 5, 7, 9, 11, ...)" in str(survey(file))


@pytest.mark.parametrize(
    "row",
    [
        "{{first}},b@x.com", "Ann\x00,b@x.com", "Ann,b@x.com>", '"Ann\r\nBcc: c@x.com",b@x.com',
        "Ann,b@x.com,more", "b@x.com", 'Ann,"b@x.com\r\nRCPT TO:<c@x.com>"', "Ann,a@X.com",
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_as_a_row_and_the_rest_goes_on(file: Path, row: str) -> None:
    file.write_bytes(f"name,address\nAnn,a@x.com\n{row}\nCid,c@x.com\n".encode())
    found = survey(file)
    assert (found.good, found.refused) == (2, 1)
    assert found.first[0].line == 3


def test_lines_are_those_of_an_editor(file: Path) -> None:
    """Blank lines count, and a row of several lines is named by its first."""
    text = 'name,address\n\nAnn,a@x.com\n\n"Bob\nfrom there",nobody\nCid\n'
    assert counted(file, text) == 1
    assert "2 rows that cannot be used (lines 5, 7)" in str(survey(file))


def test_lines_are_counted_from_the_top_whatever_the_header(file: Path) -> None:
    file.write_text("\n\nname,address\nAnn,a@x.com\n")
    assert addresses(file) == [(4, "a@x.com")]
    file.write_text('\n"full\nname",address\n\nAnn,a@x.com\n')
    assert addresses(file) == [(5, "a@x.com")]


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
    assert counted(file, f"name,address\nAnn,a@x.com\nBob,{address}\n") == 1
    assert "1 row that cannot be used (line 3)" in str(survey(file))


@pytest.mark.parametrize("text", ["", "\n", "a@x.com\n", "name,phone\nAnn,3\n", "{'json': 1}"])
def test_a_file_without_a_column_of_addresses(file: Path, text: str) -> None:
    assert said(file, text) == (
        "file 'list.csv' has no address column; name one of its columns 'address'"
    )


@pytest.mark.parametrize("text", ["address", "address\n", "name,address\n\n\n"])
def test_a_file_without_recipients(file: Path, text: str) -> None:
    assert said(file, text) == "file 'list.csv' holds no recipients; add rows below the header"


def test_a_file_in_another_encoding(file: Path) -> None:
    text = f"address\n{THREE}".encode("utf-16")
    assert said(file, text) == "file 'list.csv' is not UTF-8 text; save it as UTF-8"
    assert counted(file, b"address\na\xe4@x.com\nb@x.com\n") == 1
    assert "(line 2), the first: address is not UTF-8 text" in str(survey(file))


@pytest.mark.parametrize("text", ['address\na@x.com\n"b@y.org\n', 'address\na@x.com\n"b"c@y.org'])
def test_broken_quotes_cost_their_row(file: Path, text: str) -> None:
    assert counted(file, text) == 1
    assert "1 row that cannot be used (line 3), the first: is not" in str(survey(file))


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^cannot read the file .*No such file .*; name another"):
        survey(tmp_path / "nowhere.csv")
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(ValueError, match=r" is not a file; name a CSV file$"):
            survey(path)


def test_a_task_counts_its_list_and_says_what_is_wrong(file: Path) -> None:
    counted(file, f"address\n{THREE}")
    task = sessim.Task("Launch", sender="a@b.com", recipients=str(file))
    assert task.requests == 3
    with pytest.raises(
        PlanError, match=r"^task 'Launch', recipients: '.*' holds 3, but requests is 4; "
    ):
        sessim.Task("Launch", sender="a@b.com", recipients=str(file), requests=4)
    file.write_text("address\nnobody\n")
    with pytest.raises(
        PlanError, match=r"^task 'Launch', recipients: file 'list.csv' holds nothing but 1 row"
    ):
        sessim.Task("Launch", sender="a@b.com", recipients=str(file))
    file.write_text("address\na@x.com\nnobody\n")
    with pytest.warns(sessim.SessimWarning, match=r"^task 'Launch': .* leaves out 1 row"):
        task = sessim.Task("Launch", sender="a@b.com", recipients=str(file))
    assert task.requests == 1


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


def test_a_list_takes_some_bytes_a_row_and_no_more(file: Path) -> None:
    peaks = []
    for rows in (10_000, 40_000):
        text = "".join(f'"Name {k}",{k:06}.with.a.long.name@example.com\n' for k in range(rows))
        file.write_text(f"name,address\n{text}")
        tracemalloc.start()
        assert survey(file).good == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 30_000 * 150  # as objects they would take several hundred


def test_a_line_without_an_end_is_not_held(file: Path) -> None:
    with file.open("wb") as stream:
        stream.write(b"address\n")
        stream.truncate(2**28)  # one line without an end
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"\(lines 2, 3.* not readable as CSV"):
        survey(file)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
