"""After a month's close: its documents as files, and one mail for each that says how it stands and carries the same file."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr
from sqlalchemy import Connection, insert
from typer.testing import CliRunner

import control.documents.pdf as printing
import orchestration.cli.documents as verbs
from control.bootstrap import Control, Gateways, open_control
from control.domain.documents import Kind
from control.domain.members import Contact, ContactPurpose
from control.gateways.bank.references import creditor_reference, printed
from control.services.accounts import upsert_accounts
from control.services.announce import announce
from control.services.document_files import folder_of
from control.services.issue import issue_documents
from control.services.mail import send_mails, write_mail
from control.services.members import set_contact
from control.services.payment_methods import save_card
from control.services.promises import set_terms
from control.services.push import push
from control.services.show import list_invoices
from control.store import mails, revisions
from control.store.agreements import DebtTerms
from control.store.tables import closed_periods
from orchestration.cli.main import app
from orchestration.deployment import Deployment
from orchestration.jobs import month_end_documents, month_end_mails
from orchestration.jobs.job import execute
from tests.conftest import make_settings
from tests.contract.fake_gateway import PAYS, FakeGateway
from tests.control_bench.builders import AS_OF, NOW, SERVICES, a_credit_note, a_draft, an_account
from tests.control_bench.documents import IBAN
from tests.control_bench.stores import control_settings, fresh_sqlite
from warehouse.errors import RefusedError
from warehouse.settings import Settings

PERIOD = "2026-01"
ACCOUNTS = (
    an_account("card", email="ada@card.example"),
    an_account("dinar", email="dee@dinar.example", currency_code="KWD", gateway=""),
    an_account("nobody", email=""),
    an_account("wire", email="wim@wire.example", currency_code="EUR", gateway=""),
)
DRAFTS = (
    a_draft("card", percent="19"),
    a_draft("dinar", currency="KWD"),
    a_draft("nobody"),
    a_draft("wire", currency="EUR", percent="19"),
    a_credit_note("card"),
)
RECOVERED = {"name": "Wim", "amount": "", "claims": [], "pay_url": "", "seller": "Cloud AG", "was_suspended": False}


@dataclass(frozen=True, kw_only=True)
class Here(Deployment):
    """A deployment whose accounts pay at the gateway in memory."""

    gateways: Gateways

    def control(self) -> AbstractContextManager[Control]:
        return open_control(self.settings, self.control_settings, gateways=self.gateways)


class Inbox:
    """What the server took: recipients and message."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], EmailMessage]] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append((list(envelope.rcpt_tos), message))
        return "250 OK"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def port(inbox: Inbox) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        chosen: int = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=chosen)
    controller.start()
    yield chosen
    controller.stop()


def deployed(settings: Settings, home: Path, port: int) -> Deployment:
    """A deployment with accounts, whose mails go to the server."""
    gateway = FakeGateway(now=lambda: NOW)
    own = {"control_url": SecretStr(fresh_sqlite(home)), "now_text": (NOW + timedelta(hours=1)).isoformat()}
    mailing = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "smtp_from": "billing@cloud.example"}
    deployment = Here(
        settings=settings.model_copy(update=own),
        control_settings=control_settings(seller_iban=IBAN, **mailing),
        gateways=lambda _: gateway,
    )
    with deployment.control() as control:
        upsert_accounts(control, ACCOUNTS)
        save_card(control, "card", PAYS)
        set_contact(control, "card", Contact(email="books@card.example", name="", purpose=ContactPurpose.BILLING))
        set_terms(control, DebtTerms(account_id="wire", language="de"), actor="ada", now=NOW)
    return deployment


@pytest.fixture
def here(tmp_path: Path, port: int) -> Deployment:
    """Right after the close of a month. Its warehouse is never asked."""
    deployment = deployed(make_settings(home=tmp_path), tmp_path, port)
    close(deployment)
    return deployment


def close(here: Deployment) -> None:
    """Leave in the store what a close does."""

    def work(connection: Connection) -> None:
        (revision,) = revisions.take(connection, 1)
        connection.execute(insert(closed_periods), {"period": PERIOD, "closed_at": NOW, "as_of": AS_OF, "revision": revision})
        buyers = {account.account_id: account for account in ACCOUNTS}
        issue_documents(connection, here.control_settings, DRAFTS, buyers=buyers, services=SERVICES, issued_at=NOW)

    with here.control() as control:
        control.store.transact(work)


def files(here: Deployment) -> dict[str, tuple[bytes, int]]:
    """What lies in the folder of the month, and when it was written."""
    folder = folder_of(here.settings, PERIOD)
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.iterdir())}


def numbers(here: Deployment) -> dict[tuple[str, Kind], str]:
    with here.control() as control:
        return {(found.content.account_id, found.content.kind): found.invoice_number for found in list_invoices(control, PERIOD)}


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())


def test_the_documents_of_a_month_become_files_and_mails_once(
    settings: Settings, client: Client, tmp_path: Path, port: int, inbox: Inbox
) -> None:
    assert client
    here = deployed(settings, tmp_path, port)
    assert execute(month_end_documents.JOB, here).figures == {"period": "", "documents": 0}
    assert execute(month_end_mails.JOB, here).figures == {"period": "", "written": 0}
    close(here)
    check_files(here)
    with here.control() as control:
        push(control, now=NOW)
    check_mails(here, inbox)


def check_files(here: Deployment) -> None:
    first = execute(month_end_documents.JOB, here)
    dinar = numbers(here)["dinar", Kind.INVOICE]
    written = files(here)
    assert {name: first.figures[name] for name in ("period", "documents", "written", "left", "without_e_invoice", "failed")} == {
        "period": PERIOD,
        "documents": 5,
        "written": 5,
        "left": 0,
        "without_e_invoice": 1,
        "failed": 0,
    }
    (reason,) = first.findings
    assert (reason["result"], reason["documents"], reason["numbers"]) == ("without_e_invoice", 1, dinar)
    assert str(reason["reason"]).startswith("KWD has 3 decimals")
    assert set(written) == {f"{number}.{kind}" for number in numbers(here).values() for kind in ("pdf", "xml")} - {f"{dinar}.xml"}
    assert all(content.startswith(b"%PDF" if name.endswith(".pdf") else b"<?xml") for name, (content, _) in written.items())
    second = execute(month_end_documents.JOB, here)
    assert (second.figures["written"], second.figures["left"]) == (0, 5)
    assert files(here) == written


def check_mails(here: Deployment, inbox: Inbox) -> None:
    first, second = execute(month_end_mails.JOB, here), execute(month_end_mails.JOB, here)
    assert first.figures == {"period": PERIOD, "written": 4, "before": 0, "without_address": 1, "failed": 0}
    assert second.figures == {"period": PERIOD, "written": 0, "before": 4, "without_address": 1, "failed": 0}
    assert (first.problem, [row["account_id"] for row in first.findings]) == ("", ["nobody"])
    now = here.settings.now()
    with here.control() as control:
        assert send_mails(control, now=now).sent == 4
        assert send_mails(control, now=now).sent == 0
    known = numbers(here)
    by_subject = {str(message["Subject"]): (recipients, message) for recipients, message in inbox.taken}
    charged, charged_mail = by_subject[f"Invoice {known['card', Kind.INVOICE]} from Cloud AG"]
    assert charged == ["ada@card.example", "books@card.example"]
    assert "was charged to your payment method" in text_of(charged_mail)
    _, credit = by_subject[f"Credit note {known['card', Kind.CREDIT_NOTE]} from Cloud AG"]
    assert "for 2025-12 with a total of -30.00 USD" in text_of(credit)
    assert "is credited to your account" in text_of(credit)
    _, wire = by_subject[f"Rechnung {known['wire', Kind.INVOICE]} von Cloud AG"]
    how = f"Bitte überweisen Sie 119.00 EUR bis zum 2026-02-17 auf die IBAN {IBAN} mit dem Verwendungszweck"
    assert f"{how} {printed(creditor_reference(known['wire', Kind.INVOICE]))}." in text_of(wire)
    for _, message in inbox.taken:
        (attached,) = message.iter_attachments()
        assert attached.get_content_type() == "application/pdf"
        assert attached.get_content() == files(here)[str(attached.get_filename())][0]


def test_a_document_that_gets_no_file_keeps_none_from_the_others_and_fails_the_step(
    here: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = numbers(here)["card", Kind.INVOICE]
    (tmp_path / "out" / f"{first}.pdf").mkdir(parents=True)
    monkeypatch.setattr(verbs, "deployment", lambda: here)
    command = ["invoice", "files", PERIOD, "--out", str(tmp_path / "out"), "--format", "json"]
    ended = CliRunner().invoke(app, command)
    assert isinstance(ended.exception, RefusedError)
    assert f"1 documents of {PERIOD} have no file: {first}: IsADirectoryError" in str(ended.exception)
    assert [(row["result"], row["documents"]) for row in json.loads(ended.stdout)] == [
        ("written", 4),
        ("left", 0),
        ("without_e_invoice", 1),
        ("failed", 1),
    ]
    assert len(list((tmp_path / "out").glob("INV-*.pdf"))) == 5
    assert not list((tmp_path / "out").glob(".*")), "nothing half written is left"
    (tmp_path / "out" / f"{first}.pdf").rmdir()
    assert [row["documents"] for row in json.loads(CliRunner().invoke(app, command).stdout)] == [1, 4, 1]
    wrong = CliRunner().invoke(app, ["invoice", "files", "2026-13"])
    assert wrong.exit_code == 2


def test_a_mail_whose_document_cannot_be_printed_waits_and_holds_up_no_other(
    here: Deployment, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = here.settings.now()
    with here.control() as control:
        announce(control, PERIOD, now=now)
        control.store.transact(
            lambda connection: write_mail(connection, "wire", "recovered", language="en", about="x", values=RECOVERED, now=now)
        )
        with monkeypatch.context() as broken:
            broken.setattr(printing, "to_pdf", to_no_pdf)
            mailed = send_mails(control, now=now)
            assert (mailed.sent, mailed.put_off, mailed.given_up) == (1, 4, 0)
        with control.store.reading() as connection:
            reasons = {row["message"] for row in mails.list_mails(connection) if row["template"] == "document"}
        assert reasons == {"its document could not be printed: RuntimeError: no font"}
        assert send_mails(control, now=now + timedelta(minutes=1)).sent == 4
    assert len(inbox.taken) == 5


def to_no_pdf(*_: object, **__: object) -> bytes:
    raise RuntimeError("no font")


def test_two_rounds_at_once_hand_each_mail_over_once(here: Deployment, inbox: Inbox) -> None:
    now = here.settings.now()
    sent: list[int] = []

    def meanwhile(step: str) -> None:
        if not sent:  # after the first mail of the first round, which has read them all
            sent.append(0)
            with here.control() as other:
                sent.append(send_mails(other, now=now).sent)

    with here.control() as control:
        announce(control, PERIOD, now=now)
        object.__setattr__(control, "reached", meanwhile)
        assert send_mails(control, now=now).sent == 1
    assert sum(sent) == 4, "all, and the one again whose answer the first had not written down"
    assert len(inbox.taken) == 5
