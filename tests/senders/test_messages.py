"""Messages: what the standard library reads back is what was meant (rows 40, 41, 44)."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import html
import re
import timeit
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessim.errors import RecipientError, SessimWarning, TemplateError
from sessim.recipients import FORBIDDEN
from sessim.senders.letters import Attachment, Letter
from sessim.senders.messages import Form
from sessim.senders.templates import Template

DATE = dt.datetime(2026, 12, 1, 8, tzinfo=dt.UTC)
SENDER = "Example <hello@news.example.com>"
IDENTITY = "<abc.1.1.2@news.example.com>"


def letter(text: str | None = "Hi", **changes: Any) -> Letter:
    template = changes.pop("template", None) or Template(changes.pop("html", None), text)
    return Letter(**{"sender": SENDER, "subject": "Hello", "template": template} | changes)


def form(letter: Letter, variables: Sequence[str] = ()) -> Form:
    return Form(letter, variables, DATE, "abc.1.1")


def sent(letter: Letter, **values: str) -> EmailMessage:
    """Fill a letter for one recipient; return what the standard library reads."""
    return parsed(form(letter, tuple(values)).fill("a@x.com", tuple(values.values()), IDENTITY))


def parsed(wire: bytes) -> EmailMessage:
    """Read a message back, after looking at its lines."""
    lines = wire.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    assert max(map(len, lines)) <= 998
    assert not any(line.startswith(b".") for line in lines)
    _, _, body = wire.partition(b"\r\n\r\n")
    assert max(len(line) for line in body.split(b"\r\n") if b"filename" not in line) <= 76
    assert not any(line.endswith((b" ", b"\t")) for line in body.split(b"\r\n"))
    message = email.message_from_bytes(wire, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not [part.defects for part in message.walk() if part.defects]
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def on_the_wire(text: str) -> str:
    """Line breaks become CRLF; a lone CR is a character."""
    return re.sub("\r\n|\n", "\r\n", text)


# --- what stands in it --------------------------------------------------------------------------

ALL = {
    "subject": "Hi {{ name }}",
    "reply_to": "Hilfe für alle <help@example.org>",
    "unsubscribe": "https://example.com/u?who={{token}}",
    "attachments": (Attachment("über uns.pdf", bytes(range(256))), Attachment("a.csv", b"")),
}


def test_every_header_is_there_once() -> None:
    message = sent(letter(**ALL), name="Ann", token="a/b c&é")
    assert message["From"] == SENDER
    assert message["To"] == "a@x.com"
    assert message["Reply-To"].addresses[0].display_name == "Hilfe für alle"
    assert message["Subject"] == "Hi Ann"
    assert message["Date"].datetime == DATE
    assert message["Message-ID"] == IDENTITY
    assert message["List-Unsubscribe"] == "<https://example.com/u?who=a%2Fb%20c%26%C3%A9>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["MIME-Version"] == "1.0"
    names = [name.lower() for name in message.keys()]  # noqa: SIM118 - a message is no dict
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("forms", [{"text": "T"}, {"text": None, "html": "<p>H"}, {"html": "<p>H"}])
@pytest.mark.parametrize("attached", [(), ALL["attachments"]])
def test_the_parts_are_texts_and_attachments(forms: dict[str, Any], attached: Any) -> None:
    message = sent(letter(**forms, attachments=attached))
    text, page = forms.get("text", "Hi"), forms.get("html")
    if text is not None:
        assert body(message, "plain") == text
    if page is not None:
        assert body(message, "html") == page
    files = [(part.get_filename(), part.get_content()) for part in message.iter_attachments()]
    expected = [(a.name, a.data.decode() if a.kind == "text/csv" else a.data) for a in attached]
    assert files == expected


def test_the_same_recipient_gets_the_same_bytes() -> None:
    one, other = (form(letter(**ALL), ("name", "token")) for _ in range(2))
    row = ("a@x.com", ("Ann", "t"), IDENTITY)
    assert one.fill(*row) == other.fill(*row)
    assert letter(**ALL).digest() == letter(**ALL).digest()
    for changed in ({"subject": "Hi {{name}}!"}, {"attachments": ()}, {"reply_to": None}):
        assert letter(**ALL | changed).digest() != letter(**ALL).digest()


def test_redirected_mail_says_whom_it_was_meant_for() -> None:
    wire = form(letter()).fill("me@x.com", (), IDENTITY, original="ann@y.org")
    message = parsed(wire)
    assert (message["To"], message["X-Sessim-Original-To"]) == ("me@x.com", "ann@y.org")


def test_only_an_international_address_needs_more_than_ascii() -> None:
    one = form(letter("Grüße", subject="Übermut"))
    assert one.fill("a@x.com", (), IDENTITY).isascii()
    wire = one.fill("jörg@x.com", (), IDENTITY)
    assert not wire.isascii()
    read = email.message_from_bytes(wire, policy=email.policy.default)
    assert read["To"] == "jörg@x.com"


# --- row 41: any text, any bytes ----------------------------------------------------------------

VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=200).filter(
    lambda text: not FORBIDDEN.search(text)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{}"), max_size=400)
LINES = st.one_of(TEXTS, st.text(". \t=\r\na", max_size=200), TEXTS.map(lambda text: text * 20))


@given(LINES, LINES, LINES, VALUES, st.booleans())
@example("", "", "", "", False)
@example(".\n", "\r.", "From a", ".", True)
@example("a" * 2000, " " * 100, " ", " " * 100, True)
@example("a\r", "\n", "\r\n\r", "👨\u200d👩\u200d👧" * 20, False)
def test_texts_come_back_as_they_were(a: str, b: str, c: str, value: str, attached: bool) -> None:
    page = f"{a}{{{{v}}}}{b}{{{{ v }}}}{c}"
    files = (Attachment("x.bin", a.encode()),) if attached else ()
    one = letter(page, html=page, subject="{{v}}, {{v}}", attachments=files)
    message = sent(one, v=value)
    a, b, c = map(on_the_wire, (a, b, c))  # each by itself: a value never completes a line break
    assert body(message, "plain") == f"{a}{value}{b}{value}{c}"
    safe = html.escape(value)
    assert body(message, "html") == f"{a}{safe}{b}{safe}{c}"
    assert [part.get_content() for part in message.iter_attachments()] == [f.data for f in files]


@given(VALUES, VALUES)
@example("=?utf-8?q?a?=", "é")
@example("a  b", " ")
@example("x" * 300, "y" * 300)
def test_a_subject_comes_back_as_it_was(a: str, b: str) -> None:
    message = sent(letter(subject="{{a}}: {{b}}"), a=a, b=b)
    # The library's reader drops space at the ends, as RFC 5322 has a header be.
    assert str(message["Subject"]).strip() == f"{a}: {b}".strip()


@given(VALUES.filter(lambda name: "<" not in name and ">" not in name))
@example('Müller, "Ann" (x) @ Co.')
@example("a b, c: d; e. f")
def test_a_display_name_comes_back_as_it_was(name: str) -> None:
    name = " ".join(name.replace('"', "'").replace("\\", "/").split())
    message = sent(letter(sender=f'"{name}" <hello@news.example.com>'))
    (address,) = message["From"].addresses
    # Between two encoded words of a name the library's reader keeps the space that RFC 2047 has
    # it drop, so a name that takes two is compared without any.
    apart = "" if len(name.encode()) > 39 else " "
    assert apart.join(address.display_name.split()) == apart.join(name.split())
    assert address.addr_spec == "hello@news.example.com"


@given(VALUES.filter(lambda name: name.strip() and "/" not in name and len(name) < 100))
def test_a_file_name_comes_back_as_it_was(name: str) -> None:
    message = sent(letter(attachments=(Attachment(name, b"x", "application/pdf"),)))
    (part,) = message.iter_attachments()
    assert str(part.get_filename()).strip() == name.strip()  # the reader drops space at the end


# --- row 40: nothing becomes a header -----------------------------------------------------------

BREAKS = st.sampled_from(["\r\n", "\n", "\r", "\0", "\u2028", "\u2029", "\x85", "\r\n\r\n"])
INJECTED = st.tuples(st.text("ab:", max_size=5), BREAKS, st.just("Bcc: x@y.z")).map("".join)


@given(INJECTED, st.sampled_from(["name", "token", "address", "identity", "original"]))
def test_a_break_in_any_value_is_refused(text: str, place: str) -> None:
    one = form(letter(**ALL), ("name", "token"))
    row = {"address": "a@x.com", "identity": IDENTITY, "name": "Ann", "token": "t", "original": "b"}
    row[place] = text
    with pytest.raises(RecipientError, match="line breaks or control characters") as caught:
        one.fill(row["address"], (row["name"], row["token"]), row["identity"], row["original"])
    assert "Bcc" not in str(caught.value)


@given(INJECTED, st.sampled_from(["sender", "subject", "reply_to", "unsubscribe"]))
def test_a_break_in_any_part_of_a_letter_is_refused(text: str, field: str) -> None:
    before, after = {"sender": ("", " <a@x.com>"), "reply_to": ("", "<a@x.com>")}.get(
        field, ("", "")
    )
    prefix = "https://x.com/" if field == "unsubscribe" else before
    with pytest.raises(TemplateError, match=field) as caught:
        letter(**{field: f"{prefix}{text}{after}"})
    assert "\n" not in str(caught.value)
    with pytest.raises(TemplateError, match="attachment name"):
        Attachment(text, b"")


@pytest.mark.parametrize(
    "link",
    [
        "http://x.com/", "mailto:a@x.com", "https://", "https:///x", "https://x.com/ a", "x", "",
        "https://x.com/>,<mailto:a@b.c", "https://x.com/ü", 'https://x.com/"', "https://[/",
    ],
)  # fmt: skip
def test_a_link_that_one_click_cannot_use(link: str) -> None:
    with pytest.raises(TemplateError, match=r"^unsubscribe"):
        letter(unsubscribe=link)


# --- row 44: variables --------------------------------------------------------------------------


def test_a_value_is_never_read_as_a_template_and_is_escaped_in_html() -> None:
    page = "<p>{{ a }} {{b}}</p>"
    message = sent(letter("{{a}} {{b}}", html=page), a="{{b}}<script>\"'&", b="{{ a }}")
    assert body(message, "plain") == "{{b}}<script>\"'& {{ a }}"
    assert body(message, "html") == "<p>{{b}}&lt;script&gt;&quot;&#x27;&amp; {{ a }}</p>"


def test_the_variables_of_both_sides_must_be_the_same() -> None:
    one = letter("{{a}}", subject="{{b}} {{ c }}", unsubscribe="https://x.com/{{d}}")
    with pytest.raises(TemplateError) as caught:
        form(one, ("a", "c", "x", "y"))
    assert str(caught.value) == (
        "the template: the list has no 'b' and no 'd', and subject, template and link do not use "
        "'x' or 'y' of the list; name the same variables in the list and the template"
    )
    assert one.variables == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        *(("Hi {{name", 1), ("Hi\nname}}", 2), ("{{}}", 1), ("{{ }}", 1), ("{{a\nb}}", 1)),
        *(("{{{name}}}", 1), ("{{a}} {{b}", 1), ("{{a{{b}}}}", 1), ("{{a}}}}", 1), ("\n\n{{", 3)),
    ],
)
def test_braces_that_are_left_over_are_an_error(text: str, line: int) -> None:
    for form in ({"text": text}, {"html": text}):
        with pytest.raises(TemplateError, match=rf"line {line}: .* is no variable; write"):
            Template(**form)
    with pytest.raises(TemplateError, match=r"^subject"):
        letter(subject=text)


def test_style_sheets_and_json_keep_their_closing_braces() -> None:
    page = '<style>@media x{a{b:c}}</style><script>{"a":{"b":1}}</script>{{ first name }}'
    assert body(sent(letter(html=page), **{"first name": "Ann"}), "html").endswith("}}</script>Ann")
    with pytest.raises(TemplateError, match="is no variable"):
        Template(html="<style>a{}</style> name}}")


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_a_template_with_what_no_mail_can_carry(text: str) -> None:
    with pytest.raises(TemplateError, match="line 1: has a character that no mail can carry"):
        Template(text=text)


# --- where templates come from ------------------------------------------------------------------


def test_a_template_is_a_file_a_pair_a_folder_or_a_text(tmp_path: Path) -> None:
    page, text = tmp_path / "welcome.html", tmp_path / "welcome.txt"
    page.write_bytes("\ufeff<p>Grüße".encode())
    assert (Template.read(page).html, Template.read(page).text) == ("<p>Grüße", None)
    text.write_text("Hallo")
    for source in (page, str(text), tmp_path):
        found = Template.read(source)
        assert (found.html, found.text) == ("<p>Grüße", "Hallo")
    assert Template.read("Hello {{name}}").text == "Hello {{name}}"
    assert Template.read(" <p>Hello").html == " <p>Hello"


def test_what_is_no_template(tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_bytes(b"\xff")
    (tmp_path / "large.txt").write_bytes(b"x" * 10_000_001)
    (tmp_path / "two").mkdir()
    for name in ("a.html", "b.htm"):
        (tmp_path / "two" / name).write_text("x")
    (tmp_path / "none").mkdir()
    for source, said in {
        "nowhere.html": "cannot read the template 'nowhere.html'",
        tmp_path / "nowhere.txt": "cannot read the template",
        tmp_path / "bad.html": "is not UTF-8",
        tmp_path / "large.txt": "more than 10,000,000 bytes",
        tmp_path / "two": "has 'a.html' and 'b.htm'; keep one",
        tmp_path / "none": "is no .html or .txt file, nor a folder with one",
    }.items():
        with pytest.raises(TemplateError, match=said):
            Template.read(source)
    with pytest.raises(TemplateError, match="says nothing"):
        Template()


def test_attachments_are_read_and_limited(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(b"%PDF")
    read = Attachment.read(file)
    assert (read.name, read.kind, read.data) == ("a.pdf", "application/pdf", b"%PDF")
    assert Attachment("a.eml", b"").kind == "application/octet-stream"
    with file.open("wb") as stream:
        stream.truncate(10_000_001)
    for path, said in {
        file: "10,000,000",
        tmp_path: "not a file",
        tmp_path / "b": "cannot",
    }.items():
        with pytest.raises(TemplateError, match=said):
            Attachment.read(path)


def test_messages_above_the_limits_of_the_service() -> None:
    with pytest.raises(TemplateError, match=r"makes messages of 10,\d+,\d+ bytes"):
        form(letter(attachments=(Attachment("a", b"x" * 7_400_000),)))
    with pytest.warns(SessimWarning, match="4,000,000"):
        form(letter(attachments=(Attachment("a", b"x" * 3_000_000),)))
    one = form(letter("{{a}}", subject="{{b}}", unsubscribe="https://x.com/{{c}}"), ("a", "b", "c"))
    for values, said in {
        ("x" * 10_000_000, "", ""): "the message has",
        ("", "x" * 999, ""): "subject has 999",
        ("", "", "é" * 200): "unsubscribe link has",
    }.items():
        with pytest.raises(RecipientError, match=said):
            one.fill("a@x.com", values, IDENTITY)


def test_no_content_stands_in_a_repr() -> None:
    one = letter("secret", **ALL)
    text = repr([one, one.template, one.attachments, form(one, ("name", "token"))])
    assert not any(word in text for word in ("secret", "Hi", "help@", "u?who"))


def test_filling_takes_a_small_part_of_building() -> None:
    text = "Dear {{name}},\n" + "some words of a newsletter, one line after the other\n" * 20
    one = form(letter(text, html=f"<p>{text}</p>", subject="Hi {{name}}"), ("name",))

    def build() -> bytes:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = SENDER, "a@x.com", "Hi Ann"
        message.set_content(text)
        message.add_alternative(f"<p>{text}</p>", subtype="html")
        return message.as_bytes()

    filling = min(timeit.repeat(lambda: one.fill("a@x.com", ("Ann",), IDENTITY), number=200))
    building = min(timeit.repeat(build, number=20, repeat=3)) * 10
    assert filling < building / 20  # about a hundredth
