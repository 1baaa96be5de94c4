-- What the checks of consumption and charges compare, from one look at each table: how many rows and different keys it has,
-- and its sums as fingerprints. The checks read tables themselves only where these differ.
-- Sums are by account, SKU and hour (hour_sums), by the grain of charges_daily (day_sums) and by that of int_charged_daily
-- (line_sums); a table has those that another one has to equal.
-- Grain: one row per relation.
{{ config(materialized='scratch', order_by='relation') }}

{%- set hour = ['account_id', 'sku_id', 'hour_at'] -%}
{%- set day = grain_of('charges_daily') -%}
{%- set line = ['account_id', 'sku_id', 'charge_date', 'charge_type', 'price_id'] -%}
{%- set no_sums = 'cast([] as Array(Int256))' %}

select
    'consumption_hourly' as relation,
    {{ row_count_and_key_count('consumption_hourly') }},
    {{ fingerprints(hour, ['quantity']) }} as hour_sums,
    {{ no_sums }} as day_sums,
    {{ no_sums }} as line_sums
from {{ ref('consumption_hourly') }}
where {{ hours_in_scope('account_id', 'sku_id', 'hour_at') }}

union all

select
    'charges_hourly' as relation,
    {{ row_count_and_key_count('charges_hourly') }},
    {{ fingerprints(hour, ["if(charge_type in ('usage', 'commitment'), quantity, toDecimal256(0, 12))"]) }} as hour_sums,
    {{ fingerprints(day, ['quantity', 'list_amount_unrounded', 'amount_unrounded']) }} as day_sums,
    {{ no_sums }} as line_sums
from (select *, toDate(hour_at) as charge_date from {{ ref('charges_hourly') }})
where {{ hours_in_scope('account_id', 'sku_id', 'hour_at') }}

union all

select
    'int_unrated_hourly' as relation,
    count() as row_count,
    row_count as key_count,
    {{ fingerprints(hour, ['quantity']) }} as hour_sums,
    {{ no_sums }} as day_sums,
    {{ no_sums }} as line_sums
from {{ ref('int_unrated_hourly') }}
where {{ hours_in_scope('account_id', 'sku_id', 'hour_at') }}

union all

select
    'charges_daily' as relation,
    {{ row_count_and_key_count('charges_daily') }},
    {{ no_sums }} as hour_sums,
    {{ fingerprints(day, ['quantity', 'list_amount_unrounded', 'amount_unrounded']) }} as day_sums,
    {{ fingerprints(line, ['quantity', 'amount_unrounded']) }} as line_sums
from {{ ref('charges_daily') }}
where {{ in_scope('account_id', 'sku_id', 'charge_date') }}

union all

select
    'int_charged_daily' as relation,
    count() as row_count,
    row_count as key_count,
    {{ no_sums }} as hour_sums,
    {{ no_sums }} as day_sums,
    {{ fingerprints(line, ['quantity', 'amount_unrounded']) }} as line_sums
from {{ ref('int_charged_daily') }}
where {{ in_scope('account_id', 'sku_id', 'charge_date') }}

union all

-- Of days of which all hours are read, nothing is counted as kept.
select
    'int_kept_charges' as relation,
    count() as row_count,
    row_count as key_count,
    {{ no_sums }} as hour_sums,
    {{ fingerprints(day, ['quantity', 'list_amount_unrounded', 'amount_unrounded']) }} as day_sums,
    {{ no_sums }} as line_sums
from {{ ref('int_kept_charges') }}
where reason_code = '' and {{ is_kept('account_id') }}
