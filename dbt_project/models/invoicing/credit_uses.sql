-- Credits that documents use (positive) or give back (negative), drafts and issued.
-- Grain: one row per invoice_id, credit_id.
{{ config(materialized='view') }}

select
    invoice_id,
    credit_id,
    use_order,
    amount
from {{ ref('int_draft_credit_uses') }}
where invoice_id not in (select invoice_id from {{ ref('stg_control__invoices') }})

union all

select
    invoice_id,
    credit_id,
    use_order,
    amount
from {{ ref('stg_control__credit_uses') }}
