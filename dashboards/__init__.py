"""What people see of the warehouse in a browser: cost, invoices, data quality. Reads public tables as the read-only analyst.

Nothing here computes money: amounts are summed in ClickHouse and shown as they come. Nothing here writes.
"""
