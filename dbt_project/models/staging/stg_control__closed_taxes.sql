-- Tax of each account as it stood when a month closed. Grain: one row per period, account_id.
select
    period,
    account_id,
    tax_percent,
    tax_note
from {{ source('raw', 'control_closed_taxes') }} final
