"""Plan files: the contract's, there and back, relative paths, hostile files, the JSON Schema."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessim.errors import PlanError, shown
from sessim.plan import Domain, Plan, Task
from tests.strategies import plans
from tests.test_errors import NOISE
from tests.test_plan import contract

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

CONTRACT = """\
start: 2026-12-01
timezone: Asia/Shanghai
rate: 20
discipline: fifo            # fifo | fair
restart: auto               # auto | manual  (manual: restart_at: "09:00" or a list of instants)
domains:
  - name: news.example.com
    warmup: standard        # standard | legacy | reputation | none | a published name | a number
    warmup_start: 2026-12-01
tasks:
  - name: Launch
    sender: "Example <hello@news.example.com>"
    requests: 60000         # or recipients: list.csv
  - name: Invoices
    sender: billing@news.example.com
    requests: 8000
    start: 2026-12-03 09:00
  - name: Digest
    sender: hello@news.example.com
    requests: 5000
    start: 2026-12-01 08:00
    every: 24h
    count: 14
"""

EVERY_KEY = """\
start: 2026-12-01 10:00
timezone: Europe/Berlin
rate: 0.5
discipline: fair
restart: manual
restart_at: 10:00
restart_delay: 60
window: rolling
horizon: 90d
resume_on_raise: true
outcomes: expected
levels_per_day: 3
domains:
  - {name: a.com, warmup: legacy, warmup_start: 2026-11-20, advance: sending, level: 1}
  - {name: b.com, warmup: none}
  - {name: c.com, warmup: 300}
  - {name: d.com, warmup: [500, 1000, 2000]}
  - {name: e.com, warmup: {start: 50, factor: 2, cap: 100000}}
  - {name: f.com, warmup: {csv: limits.csv}}
  - {name: g.com, warmup: sparkpost}
tasks:
  - name: on
    sender: hello@a.com
    recipients: list.csv
    start: 2026-12-02 9:00
    every: 24h
    every_by: wall
    overlap: skip
    until: 2026-12-24
    cancel_at: 2026-12-20T12:00:00+01:00
    subject: "10:00"
    template: no
    reply_to: Example <reply@a.com>
  - {name: no, sender: hello@b.com, requests: 60_000}
test_sends:
  - {sender: hello@c.com, at: 2026-12-02 09:00, recipients: 20}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files that the plan of every key names."""
    home = tmp_path / "campaign"
    home.mkdir()
    (home / "list.csv").write_text("address\na@x.com\nb@x.com\n")
    (home / "limits.csv").write_text("day,limit\n1,5\n2,7\n")
    (home / "plan.yaml").write_text(EVERY_KEY)
    return home


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str | bytes], Plan]:
    """Return a function that reads a plan from a file of this content."""

    def from_file(content: str | bytes) -> Plan:
        file = tmp_path / "plan.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Plan.from_yaml(file)

    return from_file


@pytest.fixture
def said(tmp_path: Path, read: Callable[[str | bytes], Plan]) -> Callable[[str | bytes], str]:
    """Return a function that tells the sentence with which a file is refused."""

    def sentence(content: str | bytes) -> str:
        with pytest.raises(PlanError) as caught:
            read(content)
        assert type(caught.value) is PlanError
        text = str(caught.value)
        assert not NOISE.search(text), text
        assert len(text) < 600
        return (
            text.replace(str(Path(text.split("'")[1]).parent) + "/", "", 1) if "'" in text else text
        )

    return sentence


Read = Callable[[str | bytes], Plan]
Said = Callable[[str | bytes], str]


# --- the contract -------------------------------------------------------------------------------


def test_the_contracts_file_is_the_contracts_plan(read: Read) -> None:
    first = Domain("news.example.com", warmup="standard", warmup_start="2026-12-01")
    assert read(CONTRACT).domains == (first,)
    assert read(CONTRACT.replace("    warmup_start: 2026-12-01\n", "")) == contract()


def test_every_key_of_the_contract_is_read(folder: Path) -> None:
    plan = Plan.from_yaml(folder / "plan.yaml")
    assert plan.start == datetime(2026, 12, 1, 10)  # noqa: DTZ001
    assert f"{plan.restart_at}" == "10:00:00"
    assert [one.name for one in plan.tasks] == ["on", "no"]
    assert plan.tasks[0].template == "no"
    assert plan.tasks[0].requests == 2
    assert plan.tasks[0].until == date(2026, 12, 24)
    assert plan.tasks[1].requests == 60_000
    assert [domain.limits.on(2) for domain in plan.domains] == [200, None, 300, 1000, 100, 7, 500]


@pytest.mark.parametrize("form", ["to_yaml", "to_json"])
def test_every_key_survives_the_way_there_and_back(folder: Path, form: str) -> None:
    plan = Plan.from_yaml(folder / "plan.yaml")
    text = getattr(plan, form)(folder / "again.yaml")
    assert (folder / "again.yaml").read_text("utf-8") == text
    assert Plan.from_yaml(folder / "again.yaml") == plan
    assert Plan.from_json(folder / "again.yaml") == plan


def test_defaults_are_left_out_and_keys_stay_in_order() -> None:
    assert contract().to_yaml() == (
        "start: '2026-12-01'\n"
        "domains:\n"
        "- name: news.example.com\n"
        "tasks:\n"
        "- name: Launch\n"
        "  sender: Example <hello@news.example.com>\n"
        "  requests: 60000\n"
        "- name: Invoices\n"
        "  sender: billing@news.example.com\n"
        "  requests: 8000\n"
        "  start: 2026-12-03 09:00\n"
        "- name: Digest\n"
        "  sender: hello@news.example.com\n"
        "  requests: 5000\n"
        "  start: 2026-12-01 08:00\n"
        "  every: 24h\n"
        "  count: 14\n"
    )


# --- there and back -----------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans())
def test_a_plan_survives_yaml_and_json(read: Read, data: dict[str, Any]) -> None:
    plan = Plan.from_dict(data)
    assert read(plan.to_yaml()) == plan
    assert read(plan.to_json()) == plan
    assert read(json.dumps(data)) == plan


ODD_NAMES = [
    *("on", "no", "yes", "null", "~", "true", "1", "1.5", "1e3", "0x10", ".nan", "1_0", "10:00"),
    *("2026-12-01", "2026-12-01 09:00", "a: b", "a #b", "- a", "? a", "{a}", "[a]", "&a", "*a"),
    *("!a", "%a", "@a", "`a", "'", '"', "''", '"a"', "|", ">", "<<", "=", "---", "...", "\\n", ","),
    *(" a", "a ", "Grüße aus 上海", "\U0001f680", "x " * 90 + "y", "é" * 200),
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_words_survive_as_a_name(read: Read, name: str) -> None:
    plan = Plan(
        start="2026-12-01",
        domains=[Domain("a.com")],
        tasks=[Task(name, sender="a@a.com", requests=1, subject=name)],
    )
    assert read(plan.to_yaml()).tasks[0].name == name.strip()
    assert read(plan.to_json()) == plan


PRINTABLE = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PRINTABLE.filter(str.strip))
def test_all_printable_text_survives(read: Read, text: str) -> None:
    plan = Plan(
        start="2026-12-01",
        domains=[Domain("a.com")],
        tasks=[Task("T", sender="a@a.com", requests=1, subject=text[:900])],
    )
    assert read(plan.to_yaml()) == plan


# --- files beside the plan ----------------------------------------------------------------------


def test_relative_paths_begin_at_the_plans_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    here = Plan.from_yaml("plan.yaml")
    monkeypatch.chdir(folder.parent)
    there = Plan.from_yaml("campaign/plan.yaml")
    assert here == there == Plan.from_yaml(folder / "plan.yaml")
    assert here == Plan.from_yaml("campaign/../../" + folder.parent.name + "/campaign/plan.yaml")
    assert there.tasks[0].requests == 2
    assert there.domains[5].limits.on(1) == 5


def test_a_plan_written_elsewhere_still_finds_its_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan.from_yaml(folder / "plan.yaml")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for target in ("copy.yaml", folder / "copy.yaml", tmp_path / "copy.yaml"):
        plan.to_yaml(target)
        assert Plan.from_yaml(target) == plan
    assert (tmp_path / "copy.yaml").read_text().count("campaign/list.csv") == 1


def test_a_folder_of_plan_and_files_may_be_moved(folder: Path, tmp_path: Path) -> None:
    Plan.from_yaml(folder / "plan.yaml").to_yaml(folder / "again.yaml")
    assert "recipients: list.csv\n" in (folder / "again.yaml").read_text()
    assert "csv: limits.csv\n" in (folder / "again.yaml").read_text()
    moved = shutil.move(folder, tmp_path / "moved")
    assert Plan.from_yaml(Path(moved) / "again.yaml").tasks[0].requests == 2


def test_a_plan_built_in_python_looks_in_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    plan = Plan(
        start="2026-12-01",
        domains=[Domain("a.com", warmup={"csv": "limits.csv"})],
        tasks=[Task("T", sender="a@a.com", recipients="list.csv")],
    )
    assert "recipients: list.csv\n" in plan.to_yaml()
    monkeypatch.chdir(folder.parent)
    assert "recipients: campaign/list.csv\n" in plan.to_yaml()
    plan.to_json("plan.json")
    assert Plan.from_json("plan.json") == plan


def test_plain_data_holds_numbers_instead_of_files(folder: Path) -> None:
    plan = Plan.from_yaml(folder / "plan.yaml")
    data = plan.to_dict()
    shutil.rmtree(folder)
    assert data["tasks"][0]["requests"] == 2
    assert data["domains"][5]["warmup"] == [5, 7]
    assert "csv" not in json.dumps(data)
    again = Plan.from_dict(data)
    assert again.runs.requests.tolist() == plan.runs.requests.tolist()
    assert again.to_dict() == data


def test_a_missing_or_spoilt_file_is_named_with_its_task_or_domain(folder: Path) -> None:
    (folder / "list.csv").write_text("address\nnobody\n")
    with pytest.raises(
        PlanError, match=r"^task 'on', recipients: file 'list.csv' holds nothing but 1 row "
    ):
        Plan.from_yaml(folder / "plan.yaml")
    (folder / "limits.csv").unlink()
    with pytest.raises(PlanError, match=r"^domain 'f.com', warmup: cannot read the file 'limits"):
        Plan.from_yaml(folder / "plan.yaml")


# --- what YAML offers ---------------------------------------------------------------------------

SMALL = """\
start: 2026-12-01
domains:
  - name: a.com
tasks:
  - {name: T, sender: a@a.com, requests: 5}
"""


def test_anchors_aliases_and_merged_keys_are_followed(read: Read) -> None:
    plan = read("""\
start: &day 2026-12-01
domains:
  - {name: a.com, warmup: &ramp [5, 7, 9], warmup_start: *day}
  - {name: b.com, warmup: *ramp}
tasks:
  - &daily {name: A, sender: a@a.com, requests: 5, start: 2026-12-01 08:00, every: 24h, count: 3}
  - {<<: *daily, name: B, count: 4}
""")
    assert plan.domains[1].warmup == (5, 7, 9)
    assert [(one.name, one.count, one.every) for one in plan.tasks] == [("A", 3, 24), ("B", 4, 24)]


def test_an_anchor_used_twice_is_no_reason_for_a_warning(read: Read) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(SMALL.replace("2026", "&a 2026").replace("a.com\n", "&a a.com\n"))


TASKS = "[{name: T, sender: a@a.com, requests: 5}]"
SMALL_DATA = {
    "start": "2026-12-01",
    "domains": [{"name": "a.com"}],
    "tasks": [{"name": "T", "sender": "a@a.com", "requests": 5}],
}


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + SMALL,
        SMALL.replace("\n", "\r\n"),
        "%YAML 1.2\n---\n" + SMALL + "...\n",
        SMALL.replace("2026-12-01", "!!str 2026-12-01"),
        json.dumps(SMALL_DATA, indent="\t"),
        f"{{start: 2026-12-01, domains: [name: a.com], tasks: {TASKS}}}",
    ],
)
def test_the_same_plan_in_other_clothes(read: Read, text: str) -> None:
    assert read(text) == read(SMALL)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_times_and_words_are_those_of_yaml_1_2_whatever_a_file_declares(
    read: Read, version: str
) -> None:
    manual = f"{SMALL}restart: manual\nrestart_at: 10:00\n".replace("name: T", "name: on")
    plan = read(f"%YAML {version}\n---\n{manual}")
    assert str(plan.restart_at) == "10:00:00"
    assert plan.tasks[0].name == "on"
    assert plan == read(manual)


# --- files that are no plans --------------------------------------------------------------------

LAUGHS = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{after}: &{after} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


NO_PLAN = "a plan is a group of keys; write start, domains, tasks and others"
EMPTY = "file 'plan.yaml' is empty; write start, domains, tasks and others"
LINE_5, LINE_6, LINE_7 = (f"file 'plan.yaml', line {number}: " for number in (5, 6, 7))
UNREAD = "file 'plan.yaml' cannot be read: "
DUPLICATE = 'found duplicate key "start"; leave one out'
SECOND = "a second document begins; keep one plan a file"
BOMB = f"{UNREAD}its aliases would unfold to millions of values, write them out; mend it"
NOT_UTF_8 = "file 'plan.yaml' is not UTF-8 text; save it as UTF-8"
TOO_DEEP = "file 'plan.yaml' is nested too deeply to be a plan; flatten it"
LONG = "9" * 5000

NO_PLANS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", EMPTY),
    "remark": ("# only a remark\n", EMPTY),
    "empty document": ("---\n", EMPTY),
    "empty group": ("{}", "start: is missing; add it (and 2 more problems)"),
    "text": ("plan\n", NO_PLAN),
    "list": ("- start\n", NO_PLAN),
    "number as key": (f"{SMALL}1: 2\n", "1: is no key; write keys as words"),
    "nothing as key": (f"{SMALL}null: 2\n", "None: is no key; write keys as words"),
    "unknown key": (f"{SMALL}strat: 3\n", "strat: is not known; did you mean 'start'?"),
    "misspelt key": (f"strat{SMALL[5:]}", "strat: is not known; did you mean 'start'?"),
    "duplicate key": (
        f"{SMALL}start: 2026-12-02\n",
        f"{LINE_6}{DUPLICATE}",
    ),
    "duplicate key in JSON": (
        '{"rate": 1,\n"tasks": [{}, {\n\n"start": 1,\n\t"\\u0073tart": 2}]}',
        f"{LINE_5}{DUPLICATE}",
    ),
    "tab": (
        f"{SMALL}\trate: 3\n",
        f"{LINE_6}found character '\\t' that cannot start any token; mend the line",
    ),
    "open bracket": (
        f"{SMALL}rate: [3\n",
        f"{LINE_7}expected ',' or ']', but got '<stream end>'; mend the line",
    ),
    "two plans": (f"{SMALL}---\n{SMALL}", f"{LINE_6}{SECOND}"),
    "two plans with an end": (f"{SMALL}...\n---\n{SMALL}", f"{LINE_7}{SECOND}"),
    "no anchor": (f"{SMALL}rate: *x\n", f"{LINE_6}found undefined alias 'x'; mend the line"),
    "no number": (f"{SMALL}rate: !!int x\n", f"{LINE_6}'x' cannot be read; mend the line"),
    "long number": (
        f"{SMALL}rate: {LONG}\n",
        f"{LINE_6}{shown(LONG)} cannot be read; mend the line",
    ),
    "long number in JSON": (
        f'{{"rate": {LONG}}}',
        f"{UNREAD}{shown(LONG)} is too large a number; mend it",
    ),
    "tag that calls": (
        f"{SMALL}rate: !!python/object/apply:os.system [exit]\n",
        f"{LINE_6}the tag '!!python/object/apply:os.system' is not allowed; remove it",
    ),
    "tag that names": (
        f"{SMALL}rate: !!python/name:os.system\n",
        f"{LINE_6}the tag '!!python/name:os.system' is not allowed; remove it",
    ),
    "own tag": (f"{SMALL}rate: !fast 3\n", f"{LINE_6}the tag '!fast' is not allowed; remove it"),
    "billion laughs": (LAUGHS, BOMB),
    "billion merges": (MERGES, BOMB),
    "list in itself": ("start: &a [*a]\n", BOMB),
    "deep": ("[" * 1_500, TOO_DEEP),
    "deep JSON": ('{"a":' * 100_000, TOO_DEEP),
    "UTF-16": (SMALL.encode("utf-16"), NOT_UTF_8),
    "bytes": (b"\xff\x00", NOT_UTF_8),
    "zero byte": (
        b"start: \x00\n",
        "file 'plan.yaml', line 1: holds the control character '\\x00'; remove it",
    ),
    "control character far below": (
        f"{'# remark' * 2000}\n{SMALL}rate: 3\x07\n",
        f"{LINE_7}holds the control character '\\x07'; remove it",
    ),
    "control character in JSON": (
        '{\n\n\n"start":\n"\x1b"}',
        f"{LINE_5}holds the control character '\\x1b'; remove it",
    ),
    "number as name": (
        SMALL.replace("name: T", "name: 2026"),
        "task 1, name: 2026 is not a text; put it in quotes",
    ),
    "half a character": ('{"\\ud800": 1}', "'\\ud800' is not a text; write plain words"),
}


@pytest.mark.parametrize("kind", NO_PLANS)
def test_a_file_that_is_no_plan_is_named_with_the_line(said: Said, kind: str) -> None:
    content, sentence = NO_PLANS[kind]
    assert said(content) == sentence


def test_a_tag_runs_no_code(said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said("!!python/object/apply:os.system ['touch hacked']")
    said('!!python/object/new:os.system ["touch hacked"]')
    assert not (tmp_path / "hacked").exists()


def test_a_file_over_50_mb_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    with file.open("wb") as stream:
        stream.truncate(50 * 2**20 + 1)  # sparse
    for endless in (file, Path("/dev/zero")):
        with pytest.raises(PlanError, match=r"' is larger than 50 MB; a plan is a small file$"):
            Plan.from_yaml(endless)


def test_a_path_that_is_no_file_is_named(tmp_path: Path) -> None:
    for path, reason in [
        (tmp_path / "nowhere.yaml", r"nowhere.yaml' \(No such file or directory\); name another$"),
        (tmp_path, r"^cannot read the file '.*' \(Is a directory\); name another$"),
        ("a\0b", r"^'a\\x00b' is no name of a file; name another$"),
    ]:
        with pytest.raises(PlanError, match=reason):
            Plan.from_yaml(path)


# --- whatever comes -----------------------------------------------------------------------------

SNIPPETS = st.sampled_from(
    [
        *(
            "\t",
            ": ",
            "&a ",
            "*a",
            "<<: *a",
            "<<: 3",
            "? ",
            "- ",
            "{",
            "}",
            "[",
            "]",
            "'",
            '"',
            "|",
        ),
        *(">-", "!!int ", "!!float ", "!!bool ", "!!null ", "!!set ", "!!binary ", "!!omap "),
        *("!!pairs ", "!!timestamp ", "!!str ", "!!map ", "!!seq ", "!!merge ", "!foo ", "! "),
        *("!<x> ", "%YAML 1.1\n", "%YAML 9.9\n", "%TAG ! x\n", "---\n", "...\n", "\x00", "\u2028"),
        *(
            "\ufeff",
            "0x",
            "0o7",
            "1e999",
            ".nan",
            "~",
            "@",
            "`",
            "#",
            "\\x",
            "\n",
            "\n  ",
            "\r",
            "=",
        ),
        *("{[1]: 2}", "? {a: b}\n: c", "1" * 5000, "[[" * 40, "10:00", "on", "_", "1_0"),
        *("2026-12-01T09:00:00Z", "2026-13-41"),
    ]
)


@st.composite
def spoilt_texts(draw: st.DrawFn) -> str:
    """Draw a plan file in which a few characters were replaced."""
    text = draw(st.sampled_from([CONTRACT, EVERY_KEY, SMALL]))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = begin + draw(st.sampled_from([0, 0, 1, 3, 10]))
        text = text[:begin] + draw(SNIPPETS | st.text(max_size=5)) + text[end:]
    return text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | st.lists(SNIPPETS).map("".join).map(str.encode))
def test_any_bytes_get_a_sentence(said: Said, content: bytes) -> None:
    said(content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spoilt_texts())
def test_a_spoilt_file_is_a_plan_or_gets_a_sentence(read: Read, said: Said, text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    try:
        assert isinstance(read(content), Plan)
    except PlanError:
        said(content)
