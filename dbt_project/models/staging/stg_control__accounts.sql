-- Billing accounts. Grain: one row per account_id.
select
    account_id,
    name,
    currency_code,
    country_code,
    tax_id,
    is_tax_exempt
from {{ source('raw', 'control_accounts') }} final
