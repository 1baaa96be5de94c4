-- Months whose invoices are issued. Grain: one row per period.
select
    period,
    closed_at
from {{ source('raw', 'control_closed_periods') }} final
