-- Credits that issued documents used (positive) or gave back (negative). Grain: one row per invoice_id, credit_id.
select
    invoice_id,
    credit_id,
    use_order,
    amount
from {{ source('raw', 'control_credit_uses') }} final
