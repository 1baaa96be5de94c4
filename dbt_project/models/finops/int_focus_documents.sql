-- Documents with what each of their rows says of them: month of issue, month that they charge, who issues.
-- Grain: one row per invoice_id.
{{ config(materialized='view') }}

select
    invoices.invoice_id as invoice_id,
    invoices.invoice_number as invoice_number,
    invoices.kind as kind,
    invoices.account_id as account_id,
    toDate(concat(invoices.period, '-01')) as billed_month,
    toDate(concat(if(invoices.adjusted_period = '', invoices.period, invoices.adjusted_period), '-01')) as charged_month,
    invoices.currency_code as currency_code,
    invoices.subtotal_amount - invoices.credit_amount as net_amount,
    invoices.tax_percent as tax_percent,
    invoices.tax_amount as tax_amount,
    -- A draft is of who issued last; the export puts in who issues now.
    if(invoices.invoice_number = '', ifNull((
        select argMax(seller_legal_name, (issued_at, invoice_id)) from {{ ref('stg_control__sellers') }}
    ), ''), sellers.seller_legal_name) as seller_name
from {{ ref('invoices') }} as invoices
left any join {{ ref('stg_control__sellers') }} as sellers on invoices.invoice_id = sellers.invoice_id
