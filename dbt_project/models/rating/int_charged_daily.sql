-- charges_hourly by day and invoice line, without the resources: small enough to add up a month in each tick.
-- Grain: one row per account_id, sku_id, charge_date, charge_type, price_id.
{{ config(
    materialized='keyed',
    key=['account_id', 'sku_id', 'charge_date', 'charge_type', 'price_id'],
    partition_by='toMonday(charge_date)',
    merge_after=600,
    window="{{ of_touched_days('account_id', 'sku_id', 'charge_date') }}",
    touched="{{ ref('int_touched_days') }}"
) }}
-- depends_on: {{ ref('int_touched_days') }}

select
    account_id,
    sku_id,
    charge_date,
    charge_type,
    price_id,
    any(parts.currency_code) as currency_code,
    any(parts.unit) as unit,
    sum(parts.quantity) as quantity,
    sum(parts.amount_unrounded) as amount_unrounded
from (
    select account_id, sku_id, toDate(hour_at) as charge_date, charge_type, price_id, currency_code, unit, quantity, amount_unrounded
    from {{ ref('int_rated_hourly') }}
    where reason_code = ''

    union all

    select account_id, sku_id, charge_date, charge_type, price_id, currency_code, unit, quantity, amount_unrounded
    from {{ ref('int_kept_charges') }}
    where reason_code = ''
) as parts
group by account_id, sku_id, charge_date, charge_type, price_id
