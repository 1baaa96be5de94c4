-- Issued documents. Grain: one row per invoice_id.
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
from {{ source('raw', 'control_invoices') }} final
