"""The leaf all other packages stand on: settings, one client factory, the embedded server, raw tables, users.

Nothing here knows an event, a price or an invoice.
"""
