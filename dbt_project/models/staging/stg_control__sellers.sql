-- Who issued each document. Grain: one row per invoice_id.
select
    invoice_id,
    seller_legal_name,
    issued_at
from {{ source('raw', 'control_invoices') }} final
