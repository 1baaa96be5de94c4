"""Hands mails to an SMTP server, or to a folder where none is configured but a folder is (the demo, staging).

The Message-ID is made of the mail's own id: a mail that a crash sends a second time is recognised as the same.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from control.settings import ControlSettings
from control.store.mails import Mail

TIMEOUT_SECONDS = 20.0

# Takes a message and says what is to be known about it (mostly nothing), or raises: MailRefusedError where it will never be
# taken, OSError or SMTPException where it may be later.
Sender = Callable[[EmailMessage], str]


class MailRefusedError(Exception):
    """The server takes this mail neither now nor later: an address that does not exist, a message it will not have."""


@dataclass(frozen=True, kw_only=True)
class AttachedPdf:
    """A file that a mail carries."""

    name: str
    content: bytes


def message_of(mail: Mail, settings: ControlSettings, *, at: datetime, attached: AttachedPdf | None = None) -> EmailMessage:
    """The mail as it travels, text and HTML. `at` is when it was written: a repeated try sends the same bytes."""
    sender = settings.smtp_from or "billing@localhost"
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(display_name=settings.seller_legal_name, addr_spec=sender)
    message["To"] = ", ".join(mail.recipients.split())
    if settings.smtp_reply_to:
        message["Reply-To"] = settings.smtp_reply_to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mail.mail_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply, please
    message["Content-Language"] = mail.language
    message.set_content(mail.plain_body)
    message.add_alternative(mail.html_body, subtype="html")
    if attached is not None:
        message.add_attachment(attached.content, maintype="application", subtype="pdf", filename=attached.name)
    return message


def sender_of(settings: ControlSettings) -> Sender | None:
    """Where mails go by the settings; None: nowhere."""
    if settings.smtp_host:
        return lambda message: _send(settings, message)
    if settings.mail_folder:
        folder = Path(settings.mail_folder)
        return lambda message: _keep(folder, message)
    return None


def _send(settings: ControlSettings, message: EmailMessage) -> str:
    context = ssl.create_default_context()
    where = (settings.smtp_host, settings.smtp_port)
    is_tls = settings.smtp_security == "tls"
    opened = smtplib.SMTP_SSL(*where, timeout=TIMEOUT_SECONDS, context=context) if is_tls else smtplib.SMTP(*where, timeout=TIMEOUT_SECONDS)
    with opened as server:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        try:
            refused = server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            answers = [answer[0] for answer in error.recipients.values()]
            if all(code >= 500 for code in answers):
                raise MailRefusedError(f"the server refused all recipients ({answers[0]})") from error
            raise
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            if error.smtp_code >= 500:
                raise MailRefusedError(f"the server refused the mail ({error.smtp_code})") from error
            raise
    return f"not taken for {', '.join(sorted(refused))}" if refused else ""


def _keep(folder: Path, message: EmailMessage) -> str:
    """One file a mail, under its id: a repeated try writes the same file."""
    folder.mkdir(parents=True, exist_ok=True)
    name = str(message["Message-ID"]).strip("<>").partition("@")[0]
    (folder / f"{name}.eml").write_bytes(message.as_bytes())
    return ""
