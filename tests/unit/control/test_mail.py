"""Mails: written once with their decision, taken by a real SMTP server, repeated under the same Message-ID, withdrawn when obsolete."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import ValidationError

from control.bootstrap import Control
from control.domain.members import Contact, ContactPurpose
from control.mail import languages, templates, write
from control.services.accounts import upsert_accounts
from control.services.mail import MAX_TRIES, send_mails, write_mail
from control.services.members import remove_contact, set_contact
from control.services.work import work
from control.store import mails
from tests.contract.fake_gateway import FakeGateway
from tests.control_bench.builders import NOW, an_account
from tests.control_bench.stores import control_settings, fresh_sqlite, opened
from warehouse.ports import free_port

VALUES = {
    "name": 'Ada & "Sons" <x>',
    "amount": "10.00 EUR",
    "due_date": "2026-01-05",
    "days_overdue": 4,
    "claims": [{"invoice_number": "INV-000001", "amount": "10.00 EUR", "due_date": "2026-01-05"}],
    "pay_url": "https://cloud.example/pay",
    "seller": "Cloud AG",
    "limit": "5.00 EUR",
    "was_suspended": True,
    "kind": "invoice",
    "number": "INV-000001",
    "period": "2026-01",
    "payment": "transfer",
    "open": "10.00 EUR",
    "charged": "0.00 EUR",
    "iban": "DE02120300000000202051",
    "reference": "RF18 INV0 0000 1",
}


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """A file: nothing here depends on the database."""
    return fresh_sqlite(tmp_path)


class Inbox:
    """What the server took, and how it answers: an answer for each recipient or message, else it takes it."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.recipient_answers: dict[str, str] = {}
        self.data_answers: list[str] = []

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        if address in self.recipient_answers:
            return self.recipient_answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data_answers:
            return self.data_answers.pop(0)
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append((list(envelope.rcpt_tos), message))
        return "250 OK"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Inbox, int]]:
    inbox = Inbox()
    port = free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield inbox, port
    controller.stop()


@pytest.fixture
def inbox(server: tuple[Inbox, int]) -> Inbox:
    server[0].__init__()  # type: ignore[misc]  # one server for all tests, empty for each
    return server[0]


@pytest.fixture
def mailing(server: tuple[Inbox, int], inbox: Inbox, tmp_path: Path) -> Iterator[Control]:
    """A control plane with an account, that mails to the server."""
    settings = control_settings(
        smtp_host="127.0.0.1",
        smtp_port=server[1],
        smtp_security="none",
        smtp_from="billing@cloud.example",
        smtp_reply_to="help@cloud.example",
    )
    with opened(fresh_sqlite(tmp_path), tmp_path, gateways=lambda _: FakeGateway(), settings=settings) as control:
        upsert_accounts(control, [an_account(email="ada@acme.example")], now=NOW)
        yield control


def given_mail(control: Control, template: str = "reminder", *, about: str = "test:1", language: str = "en") -> None:
    control.store.transact(
        lambda connection: write_mail(connection, "acc-1", template, language=language, about=about, values=VALUES, now=NOW)
    )


def given_contact(control: Control, email: str, purpose: ContactPurpose) -> None:
    set_contact(control, "acc-1", Contact(email=email, name="", purpose=purpose))


def rows(control: Control) -> list[dict[str, Any]]:
    with control.store.reading() as connection:
        return mails.list_mails(connection)


def test_every_mail_exists_in_every_language_and_says_the_same_in_text_and_html() -> None:
    assert languages() == ["de", "en"]
    for language in languages():
        for template in templates():
            written = write(template, language, VALUES)
            assert written.subject
            assert "Ada &amp; &#34;Sons&#34; &lt;x&gt;" in written.html_body
            words = re.sub(r"\s+", " ", re.sub(r"<title>.*?</title>|<[^>]*>", " ", written.html_body)).strip()
            assert "Cloud AG" in words
            assert set(re.findall(r"\d[\d.-]*", words)) - {"34"} == set(re.findall(r"\d[\d.-]*", written.plain_body))
    assert write("reminder", "fr", VALUES) == write("reminder", "en", VALUES)


def test_a_server_takes_a_mail_once_with_text_html_and_all_recipients(mailing: Control, inbox: Inbox) -> None:
    given_contact(mailing, "books@acme.example", ContactPurpose.BILLING)
    given_contact(mailing, "ops@acme.example", ContactPurpose.TECHNICAL)
    given_contact(mailing, "left@acme.example", ContactPurpose.BILLING)
    remove_contact(mailing, "acc-1", "left@acme.example")
    given_mail(mailing)
    given_mail(mailing)
    assert work(mailing, now=NOW).mails_sent == 1
    assert work(mailing, now=NOW).mails_sent == 0
    ((recipients, message),) = inbox.taken
    assert recipients == ["ada@acme.example", "books@acme.example"]
    assert message["Subject"] == "Payment reminder: 10.00 EUR is overdue"
    assert (message["From"], message["Reply-To"]) == ("Cloud AG <billing@cloud.example>", "help@cloud.example")
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "INV-000001  10.00 EUR  due 2026-01-05" in plain.get_content()
    assert "<td>INV-000001</td>" in html.get_content()
    (row,) = rows(mailing)
    assert (row["status"], row["tries"]) == ("sent", 1)
    assert message["Message-ID"] == f"<{row['mail_id']}@cloud.example>"


def test_a_process_that_dies_after_the_server_took_it_sends_the_same_mail_again(mailing: Control, inbox: Inbox) -> None:
    given_mail(mailing, language="de")

    def die(step: str) -> None:
        raise KeyboardInterrupt(step)

    object.__setattr__(mailing, "reached", die)
    with pytest.raises(KeyboardInterrupt):
        send_mails(mailing, now=NOW)
    object.__setattr__(mailing, "reached", lambda _: None)
    assert send_mails(mailing, now=NOW + timedelta(minutes=5)).sent == 1
    (_, first), (_, second) = inbox.taken
    assert first["Message-ID"] == second["Message-ID"]
    without_boundary = [re.sub(rb"=+\d+==", b"", message.as_bytes()) for message in (first, second)]
    assert without_boundary[0] == without_boundary[1]
    assert "Zahlungserinnerung" in first["Subject"]
    assert rows(mailing)[0]["tries"] == 2


def test_a_busy_server_is_asked_again_and_a_definite_no_is_given_up(mailing: Control, inbox: Inbox) -> None:
    given_mail(mailing)
    inbox.data_answers = ["451 try later"]
    assert send_mails(mailing, now=NOW).put_off == 1
    assert send_mails(mailing, now=NOW).put_off == 0, "not before its time"
    assert send_mails(mailing, now=NOW + timedelta(minutes=1)).sent == 1
    inbox.recipient_answers = {"ada@acme.example": "550 no such user"}
    given_mail(mailing, about="test:2")
    assert send_mails(mailing, now=NOW).given_up == 1
    assert rows(mailing)[-1]["message"] == "the server refused all recipients (550)"


def test_one_address_that_a_server_refuses_keeps_nobody_else_from_the_mail(mailing: Control, inbox: Inbox) -> None:
    given_contact(mailing, "gone@acme.example", ContactPurpose.BILLING)
    inbox.recipient_answers = {"gone@acme.example": "550 no such user"}
    given_mail(mailing)
    assert send_mails(mailing, now=NOW).sent == 1
    assert (inbox.taken[0][0], rows(mailing)[0]["message"]) == (["ada@acme.example"], "not taken for gone@acme.example")


def test_a_server_that_is_away_for_days_is_given_up_and_stops_nothing_else(mailing: Control) -> None:
    def away(_message: EmailMessage) -> str:
        raise ConnectionRefusedError(111, "Connection refused")

    given_mail(mailing)
    now, tries = NOW, 0
    while rows(mailing)[0]["status"] == "pending":
        send_mails(mailing, now=now, sender=away)
        now += timedelta(hours=4)
        tries += 1
    assert tries == MAX_TRIES
    assert now - NOW > timedelta(days=3)


def test_without_a_server_mails_wait_or_become_files(control: Control, tmp_path: Path) -> None:
    upsert_accounts(control, [an_account(email="ada@acme.example"), an_account("acc-2", email="")], now=NOW)
    given_mail(control)
    worked = work(control, now=NOW)
    assert (worked.mails_sent, worked.mails_waiting) == (0, 1)
    object.__setattr__(control, "settings", control_settings(mail_folder=str(tmp_path / "mails")))
    assert send_mails(control, now=NOW).sent == 1
    (file,) = (tmp_path / "mails").glob("*.eml")
    assert b"Payment reminder" in file.read_bytes()


def test_a_name_cannot_add_headers_or_recipients(mailing: Control, inbox: Inbox) -> None:
    values = VALUES | {"amount": "1\r\nBcc: eve@evil.example"}
    mailing.store.transact(lambda connection: write_mail(connection, "acc-1", "reminder", language="en", about="x", values=values, now=NOW))
    send_mails(mailing, now=NOW)
    ((recipients, message),) = inbox.taken
    assert recipients == ["ada@acme.example"]
    assert message["Bcc"] is None


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key, signed by itself."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    name = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(key), "-out", str(certificate))
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", *name, *files]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def test_a_password_travels_by_tls_only_to_a_server_whose_certificate_is_known(
    certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins: list[tuple[bytes, bytes]] = []

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: LoginPassword) -> AuthResult:
        logins.append((login.login, login.password))
        return AuthResult(success=login.password == b"s3cret", handled=False)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    inbox, port = Inbox(), free_port()
    controller = Controller(
        inbox, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, authenticator=authenticate, auth_required=True
    )
    controller.start()
    values = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_from": "billing@cloud.example", "smtp_user": "cloud"}
    try:
        settings = control_settings(smtp_password="wrong", **values)
        with opened(fresh_sqlite(tmp_path), tmp_path, gateways=lambda _: FakeGateway(), settings=settings) as control:
            upsert_accounts(control, [an_account(email="ada@acme.example")], now=NOW)
            given_mail(control)
            assert send_mails(control, now=NOW).put_off == 1
            assert "CERTIFICATE_VERIFY_FAILED" in rows(control)[0]["message"]
            assert logins == [], "nobody hears the password"
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
            assert send_mails(control, now=NOW + timedelta(hours=1)).put_off == 1
            assert "535" in rows(control)[0]["message"]
            object.__setattr__(control, "settings", control_settings(smtp_password="s3cret", **values))
            assert send_mails(control, now=NOW + timedelta(hours=2)).sent == 1
    finally:
        controller.stop()
    assert (logins[0], logins[-1]) == ((b"cloud", b"wrong"), (b"cloud", b"s3cret"))
    assert len(inbox.taken) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"smtp_host": "h"}, "METERHOUSE_SMTP_FROM must be"),
        ({"smtp_host": "h", "smtp_from": "a@b", "smtp_security": "none", "smtp_password": "s3cret"}, "METERHOUSE_SMTP_SECURITY must be"),
        ({"smtp_security": "ssl"}, "smtp_security"),
    ],
)
def test_settings_that_would_leak_or_lose_mail_are_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        control_settings(**values)
    assert "s3cret" not in str(caught.value.errors(include_input=False))
