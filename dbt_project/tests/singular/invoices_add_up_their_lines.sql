-- subtotal = sum of the lines; credits = sum of the credit uses; total = subtotal - credits + tax. The drafts that a run made
-- anew, and all documents where everything is checked.
with lines as (
    select lines.invoice_id as invoice_id, sum(lines.amount) as amount
    from {{ ref('invoice_lines') }} as lines
    where {{ accounts_in_scope('lines.account_id') }}
    group by invoice_id
),

uses as (
    select uses.invoice_id as invoice_id, sum(uses.amount) as amount
    from {{ ref('credit_uses') }} as uses
    group by invoice_id
)

select
    invoices.invoice_id as invoice_id,
    invoices.subtotal_amount as subtotal_amount,
    lines.amount as lines_amount,
    invoices.credit_amount as credit_amount,
    uses.amount as uses_amount,
    invoices.total_amount as total_amount
from {{ ref('invoices') }} as invoices
left any join lines on invoices.invoice_id = lines.invoice_id
left any join uses on invoices.invoice_id = uses.invoice_id
where
    {{ '1' if checks_everything() else "invoices.status = 'draft' and " ~ accounts_in_scope('invoices.account_id') }}
    and invoices.kind != 'refund_note'
    and (
        invoices.subtotal_amount != lines.amount
        or lines.invoice_id = ''
        or invoices.credit_amount != uses.amount
        or invoices.total_amount != invoices.subtotal_amount - invoices.credit_amount + invoices.tax_amount
    )
