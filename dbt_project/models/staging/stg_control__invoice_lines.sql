-- Lines of issued documents. Grain: one row per invoice_id, line_number.
select
    invoice_id,
    line_number,
    account_id,
    period,
    kind,
    adjusted_period,
    line_type,
    sku_id,
    price_id,
    quantity,
    unit,
    currency_code,
    amount
from {{ source('raw', 'control_invoice_lines') }} final
