"""Decides about money and accounts: who the accounts are, which invoices are issued, what is charged and paid.

Its store is the only state that cannot be recomputed from raw events and catalog. It never imports dagster, streamlit
or ingestion; when things run is the business of orchestration/.
"""
