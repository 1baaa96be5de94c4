-- Lines of all documents, drafts and issued.
-- Grain: one row per invoice_id, line_number; and per account_id, period, kind, adjusted_period, line_type, sku_id, price_id.
{{ config(materialized='view') }}

select
    invoice_id, line_number, account_id, period, kind, adjusted_period, line_type, sku_id, price_id, quantity, unit, currency_code, amount
from {{ ref('int_draft_lines') }}
where invoice_id not in (select invoice_id from {{ ref('stg_control__invoices') }})

union all

select
    invoice_id, line_number, account_id, period, kind, adjusted_period, line_type, sku_id, price_id, quantity, unit, currency_code, amount
from {{ ref('stg_control__invoice_lines') }}
