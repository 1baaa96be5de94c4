-- All documents: drafts, recomputed in each run, and issued ones, which never change but in status.
-- Grain: one row per account_id, period, kind, adjusted_period.
{{ config(materialized='view') }}

select
    invoice_id,
    '' as invoice_number,
    kind,
    account_id,
    period,
    adjusted_period,
    'draft' as status,
    currency_code,
    subtotal_amount,
    credit_amount,
    tax_percent,
    tax_amount,
    total_amount,
    toDecimal128(0, 4) as paid_amount,
    tax_note,
    toDateTime64(0, 3, 'UTC') as issued_at,
    toDate(0) as due_date
from {{ ref('int_draft_invoices') }}
-- A document that was issued since the drafts were computed is no draft any more.
where invoice_id not in (select invoice_id from {{ ref('stg_control__invoices') }})

union all

select
    invoice_id,
    invoice_number,
    kind,
    account_id,
    period,
    adjusted_period,
    status,
    currency_code,
    subtotal_amount,
    credit_amount,
    tax_percent,
    tax_amount,
    total_amount,
    paid_amount,
    tax_note,
    issued_at,
    due_date
from {{ ref('stg_control__invoices') }}
