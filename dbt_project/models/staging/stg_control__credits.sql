-- Credits granted. Grain: one row per credit_id.
select
    credit_id,
    account_id,
    amount,
    currency_code,
    valid_from,
    valid_to
from {{ source('raw', 'control_credits') }} final
