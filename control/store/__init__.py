"""The control store: tables, migrations, transactions, and rows to domain values and back.

It decides nothing about money; services/ do, inside one transaction of it each.
"""
