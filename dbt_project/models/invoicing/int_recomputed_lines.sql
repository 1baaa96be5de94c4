-- The lines of each month as the current events and catalog make them, closed months included.
-- Here, and only here, money is rounded: half away from zero to the currency's minor unit.
-- Grain: one row per account_id, period, line_type, sku_id, price_id.
{{ config(
    materialized='keyed',
    key=['period', 'account_id', 'sku_id', 'line_type', 'price_id'],
    partition_by='period',
    window="(period, account_id, sku_id) in (select formatDateTime(month, '%Y-%m'), account_id, sku_id from {{ ref('int_touched_days') }})"
) }}

select
    account_id,
    formatDateTime(charge_date, '%Y-%m') as period,
    charge_type as line_type,
    sku_id,
    price_id,
    any(days.currency_code) as currency_code,
    any(days.unit) as unit,
    sum(days.quantity) as quantity,
    sum(days.amount_unrounded) as amount_unrounded,
    {{ rounded_amount('sum(days.amount_unrounded)', minor_units('any(days.currency_code)')) }} as amount
from {{ ref('int_charged_daily') }} as days
where
    charge_date >= (select min(month) from {{ ref('int_touched_days') }})
    and (account_id, sku_id, toStartOfMonth(charge_date)) in (select account_id, sku_id, month from {{ ref('int_touched_days') }})
group by account_id, period, line_type, sku_id, price_id
