-- On-demand quantity a day, priced or not: what the running total of a month starts from on a later day.
-- Grain: one row per account_id, sku_id, charge_date.
{{ config(
    materialized='keyed',
    key=['account_id', 'sku_id', 'charge_date'],
    partition_by='toMonday(charge_date)',
    merge_after=600,
    window="{{ of_touched_days('account_id', 'sku_id', 'charge_date') }}",
    touched="{{ ref('int_touched_days') }}"
) }}
-- depends_on: {{ ref('int_touched_days') }}

select account_id, sku_id, charge_date, sum(parts.quantity) as quantity
from (
    select account_id, sku_id, toDate(hour_at) as charge_date, quantity
    from {{ ref('int_split_hourly') }}
    where charge_type = 'usage'

    union all

    select account_id, sku_id, charge_date, quantity
    from {{ ref('int_kept_charges') }}
    where charge_type = 'usage'
) as parts
group by account_id, sku_id, charge_date
