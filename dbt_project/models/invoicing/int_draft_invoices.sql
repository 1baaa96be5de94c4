-- Documents that are not issued yet, with credits and tax: total = subtotal - credits + tax.
-- Grain: one row per invoice_id, and per account_id, period, kind, adjusted_period.
{{ config(
    materialized='keyed',
    key=['account_id', 'invoice_id'],
    window="account_id in (select account_id from {{ ref('int_touched_accounts') }})",
    touched="{{ ref('int_touched_accounts') }}"
) }}

with documents as (
    select
        invoice_id,
        any(lines.kind) as kind,
        any(lines.account_id) as account_id,
        any(lines.period) as period,
        any(lines.adjusted_period) as adjusted_period,
        any(lines.currency_code) as currency_code,
        sum(lines.amount) as subtotal_amount
    from {{ ref('int_draft_lines') }} as lines
    where lines.account_id in (select account_id from {{ ref('int_touched_accounts') }})
    group by invoice_id
),

credited as (
    select
        invoice_id,
        sum(uses.amount) as credit_amount
    from {{ ref('int_draft_credit_uses') }} as uses
    where uses.account_id in (select account_id from {{ ref('int_touched_accounts') }})
    group by invoice_id
)

select
    documents.invoice_id as invoice_id,
    documents.kind as kind,
    documents.account_id as account_id,
    documents.period as period,
    documents.adjusted_period as adjusted_period,
    documents.currency_code as currency_code,
    toDecimal128(documents.subtotal_amount, 4) as subtotal_amount,
    toDecimal128(credited.credit_amount, 4) as credit_amount,
    taxes.tax_percent as tax_percent,
    {{ rounded_amount(
        '(toDecimal256(documents.subtotal_amount - credited.credit_amount, 4) * toDecimal256(taxes.tax_percent, 8)) / 100',
        minor_units('documents.currency_code')
    ) }} as tax_amount,
    subtotal_amount - credit_amount + tax_amount as total_amount,
    taxes.tax_note as tax_note
from documents
left any join credited on documents.invoice_id = credited.invoice_id
left any join {{ ref('int_account_taxes') }} as taxes
    on documents.account_id = taxes.account_id
    and if(documents.kind = 'invoice', documents.period, documents.adjusted_period) = taxes.period
