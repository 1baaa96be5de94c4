"""Mails to customers: how they are written (templates, by language) and how a server takes them (smtp.py).

When one is written and to whom is decided in services/. A template is two files of one name, `.txt` whose first line is the
subject, and `.html`; a language is a folder, and what it lacks is taken from `en`.
"""

from control.mail.rendering import DEFAULT_LANGUAGE, Written, languages, templates, write

__all__ = ["DEFAULT_LANGUAGE", "Written", "languages", "templates", "write"]
