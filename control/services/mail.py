"""Sends the mails that wait. Each is tried until a server takes it, three days long.

A mail about a document carries its PDF. That is made for each try: a document never changes, so it is the same file each time.

A mail is handed over once, but for a process that dies between the server's answer and our note of it: then the same mail
goes out again under the same Message-ID. Recipients that a server refuses for good are reported and not tried again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from control.bootstrap import Control
from control.errors import StoreError
from control.mail import write
from control.mail.smtp import AttachedPdf, MailRefusedError, Sender, message_of, sender_of
from control.store import mails
from control.store.mails import ABOUT_DOCUMENT, Mail, WaitingMail
from control.store.tables import account_contacts, accounts

AT_ONCE = 500
# 1, 2, 4 … minutes, at most four hours apart: the 25th try comes after three days.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, MAX_TRIES = 60, 4 * 3600, 25
# A server that fails this often in a row is down: the rest waits for the next round.
MAX_FAILURES = 3


class NotPrintedError(Exception):
    """What a mail is to carry could not be made; that says nothing about the server or other mails."""


@dataclass(frozen=True, kw_only=True)
class Mailed:
    """What one round did."""

    sent: int
    put_off: int
    given_up: int


def write_mail(
    connection: Connection,
    account_id: str,
    template: str,
    *,
    language: str,
    about: str,
    values: Mapping[str, Any],
    now: datetime,
) -> Mail | None:
    """Queue a mail to an account in the transaction that decides on it, once for what it is `about`.

    Returns None where it was queued before, or the account has no address.
    """
    recipients = _recipients(connection, account_id)
    if not recipients:
        return None
    written = write(template, language, values)
    mail = Mail(
        mail_id=mails.mail_id_of(account_id, template, about),
        account_id=account_id,
        template=template,
        language=language,
        about=about,
        recipients=" ".join(recipients),
        subject=written.subject,
        plain_body=written.plain_body,
        html_body=written.html_body,
    )
    return mail if mails.enqueue(connection, mail, now=now) else None


def send_mails(control: Control, *, now: datetime, sender: Sender | None = None) -> Mailed:
    """Send what is due. Nothing happens, and everything waits, where neither METERHOUSE_SMTP_HOST nor METERHOUSE_MAIL_FOLDER is set.

    Args:
        control: whose mails they are.
        now: decides what is due.
        sender: default: by the settings.
    """
    hand_over = sender or sender_of(control.settings)
    if hand_over is None:
        return Mailed(sent=0, put_off=0, given_up=0)
    with control.store.reading() as connection:
        waiting = mails.due(connection, now=now, limit=AT_ONCE)
    counts: Counter[str] = Counter()
    failures = 0
    for one in waiting:
        result = _try(control, hand_over, one, now=now)
        counts[result] += 1
        failures = failures + 1 if result == "put_off" else 0
        if failures >= MAX_FAILURES:
            break
    return Mailed(sent=counts["sent"], put_off=counts["put_off"] + counts["not_printed"], given_up=counts["given_up"])


def _try(control: Control, hand_over: Sender, waiting: WaitingMail, *, now: datetime) -> str:
    """One try; the word that a round counts it under, empty where somebody else had it meanwhile."""
    mail, later = waiting.mail, "put_off"
    due_at = None if waiting.tries + 1 >= MAX_TRIES else now + _pause(waiting.tries)
    if not control.store.transact(lambda connection: mails.begin_try(connection, mail.mail_id, tries=waiting.tries)):
        return ""
    try:
        remark = hand_over(message_of(mail, control.settings, at=waiting.created_at, attached=_attached(control, mail)))
    except NotPrintedError as error:
        reason, later = str(error), "not_printed"
    except OSError as error:  # of SMTP, too; first, since a certificate that is not known is a ValueError as well
        reason = f"{type(error).__name__}: {error}"
    except (MailRefusedError, ValueError) as error:  # ValueError: an address that cannot stand in a header
        reason, due_at = str(error), None
    else:
        control.reached("mail.send")
        control.store.transact(lambda connection: mails.sent(connection, mail.mail_id, remark=remark, now=now))
        return "sent"
    control.store.transact(lambda connection: mails.put_off(connection, mail.mail_id, reason=reason, due_at=due_at))
    return later if due_at else "given_up"


def _attached(control: Control, mail: Mail) -> AttachedPdf | None:
    """The document that a mail is about; None where it is about something else.

    Raises:
        NotPrintedError: it cannot be printed now.
    """
    if not mail.about.startswith(ABOUT_DOCUMENT):
        return None
    # Here and not above: what prints takes longer to import than a round without such mails.
    from control.services.documents import issued_document, print_document  # noqa: PLC0415

    try:
        document = issued_document(control, mail.about.removeprefix(ABOUT_DOCUMENT))
        return AttachedPdf(name=f"{document.number}.pdf", content=print_document(document).pdf)
    except StoreError:
        raise
    except Exception as error:  # whatever it is, the mail must wait and not be lost
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise NotPrintedError(f"its document could not be printed: {reason}") from error


def _recipients(connection: Connection, account_id: str) -> list[str]:
    """The account's address and its billing contacts, each once."""
    own: str = connection.execute(select(accounts.c.email).where(accounts.c.account_id == account_id)).scalar_one()
    billing = select(account_contacts.c.email).where(
        account_contacts.c.account_id == account_id,
        account_contacts.c.purpose == "billing",
        account_contacts.c.is_removed.is_(False),
    )
    found = [own, *sorted(connection.execute(billing).scalars())]
    return list(dict.fromkeys(address.strip() for address in found if address.strip() and len(address.split()) == 1))


def _pause(tries: int) -> timedelta:
    return timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2 ** min(tries, 20), LONGEST_PAUSE_SECONDS))
