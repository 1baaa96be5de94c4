"""Sends the mails that wait. Each is tried until a server takes it, three days long.

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
from control.mail import write
from control.mail.smtp import MailRefusedError, Sender, message_of, sender_of
from control.store import mails
from control.store.mails import Mail, WaitingMail
from control.store.tables import account_contacts, accounts

AT_ONCE = 500
# 1, 2, 4 … minutes, at most four hours apart: the 25th try comes after three days.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, MAX_TRIES = 60, 4 * 3600, 25
# A server that fails this often in a row is down: the rest waits for the next round.
MAX_FAILURES = 3


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
    return Mailed(**{name: counts[name] for name in ("sent", "put_off", "given_up")})


def _try(control: Control, hand_over: Sender, waiting: WaitingMail, *, now: datetime) -> str:
    """One try; the word that a round counts it under, empty where the mail was withdrawn meanwhile."""
    mail = waiting.mail
    if not control.store.transact(lambda connection: mails.begin_try(connection, mail.mail_id)):
        return ""
    try:
        remark = hand_over(message_of(mail, control.settings, at=waiting.created_at))
    except OSError as error:  # of SMTP, too; first, since a certificate that is not known is a ValueError as well
        reason = f"{type(error).__name__}: {error}"
        due_at = None if waiting.tries + 1 >= MAX_TRIES else now + _pause(waiting.tries)
    except (MailRefusedError, ValueError) as error:  # ValueError: an address that cannot stand in a header
        reason, due_at = str(error), None
    else:
        control.reached("mail.send")
        control.store.transact(lambda connection: mails.sent(connection, mail.mail_id, remark=remark, now=now))
        return "sent"
    control.store.transact(lambda connection: mails.put_off(connection, mail.mail_id, reason=reason, due_at=due_at))
    return "put_off" if due_at else "given_up"


def _recipients(connection: Connection, account_id: str) -> list[str]:
    """The account's address and its billing contacts, each once."""
    own: str = connection.execute(select(accounts.c.email).where(accounts.c.account_id == account_id)).scalar_one()
    billing = select(account_contacts.c.email).where(account_contacts.c.account_id == account_id, account_contacts.c.purpose == "billing")
    found = [own, *sorted(connection.execute(billing).scalars())]
    return list(dict.fromkeys(address.strip() for address in found if address.strip() and len(address.split()) == 1))


def _pause(tries: int) -> timedelta:
    return timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2 ** min(tries, 20), LONGEST_PAUSE_SECONDS))
