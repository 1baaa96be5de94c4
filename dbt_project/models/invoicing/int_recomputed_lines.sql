-- The lines of each month as the current events and catalog make them, closed months included.
-- Here, and only here, money is rounded: half away from zero to the currency's minor unit.
-- Grain: one row per account_id, period, line_type, sku_id, price_id.
{{ config(
    materialized='keyed',
    key=['period', 'account_id', 'sku_id', 'line_type', 'price_id'],
    partition_by='period',
    window="(period, account_id, sku_id) in (select formatDateTime(month, '%Y-%m'), account_id, sku_id from {{ ref('int_touched_days') }})",
    touched="{{ ref('int_touched_days') }}"
) }}

-- The accounts' other SKUs are left out once they are added up: asking each day for its set takes longer than adding it.
with months as (
    select
        account_id,
        sku_id,
        any(toStartOfMonth(days.charge_date)) as month,
        charge_type,
        price_id,
        any(days.currency_code) as currency_code,
        any(days.unit) as unit,
        sum(days.quantity) as quantity,
        sum(days.amount_unrounded) as amount_unrounded
    from {{ ref('int_charged_daily') }} as days
    where
        account_id in (select account_id from {{ ref('int_touched_days') }})
        and charge_date >= (select min(month) from {{ ref('int_touched_days') }})
    group by account_id, sku_id, toYYYYMM(charge_date), charge_type, price_id
)

select
    account_id,
    formatDateTime(month, '%Y-%m') as period,
    charge_type as line_type,
    sku_id,
    price_id,
    currency_code,
    unit,
    quantity,
    amount_unrounded,
    {{ rounded_amount('amount_unrounded', minor_units('currency_code')) }} as amount
from months
where ({{ key_hash('account_id, sku_id, month') }}) in (select {{ key_hash('account_id, sku_id, month') }} from {{ ref('int_touched_days') }})
