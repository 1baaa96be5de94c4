-- Of days that are rated in part: what the hours before hold, by the grain of charges_daily, and unrated consumption beside it
-- with its reason. A day's stored charges less those of the hours that are rated anew: so the other hours are not read.
-- Made before any table of charges is replaced.
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, charge_date, charge_type, price_id, reason_code.
{{ config(materialized='scratch', order_by='(account_id, sku_id, charge_date)', touched="{{ ref('int_touched_days') }}") }}
-- depends_on: {{ ref('int_touched_days') }}

{% set days = existing('rating', 'charges_daily_versions') -%}
{% set hours = existing('rating', 'charges_hourly_versions') -%}
{% set unrated = existing('rating', 'int_unrated_hourly_versions') -%}

{% set partly_rated = 'notEmpty(hours)' -%}

{#- In a day's first hour nothing of it is stored; then no set of what is touched is built. #}
{% if days and hours and unrated and run_query(
    "select 1 from ("
    ~ "select charge_date, account_id from " ~ days ~ " final"
    ~ " union all select toDate(hour_at) as charge_date, account_id from " ~ unrated ~ " final"
    ~ ") where (charge_date, account_id) in ("
    ~ "select distinct charge_date, account_id from " ~ ref('int_touched_days') ~ " where notEmpty(hours)"
    ~ ") limit 1"
) | length %}
select
    account_id,
    project_id,
    resource_id,
    region,
    sku_id,
    any(parts.service) as service,
    charge_date,
    charge_type,
    price_id,
    any(parts.currency_code) as currency_code,
    sum(parts.quantity) as quantity,
    any(parts.unit) as unit,
    sum(parts.list_amount_unrounded) as list_amount_unrounded,
    sum(parts.amount_unrounded) as amount_unrounded,
    '' as reason_code
from (
    select
        account_id,
        project_id,
        resource_id,
        region,
        sku_id,
        service,
        charge_date,
        charge_type,
        price_id,
        currency_code,
        quantity,
        unit,
        list_amount_unrounded,
        amount_unrounded
    from {{ days }} final
    where {{ of_touched_days('account_id', 'sku_id', 'charge_date', where=partly_rated) }}

    union all

    select
        account_id,
        project_id,
        resource_id,
        region,
        sku_id,
        service,
        toDate(hour_at) as charge_date,
        charge_type,
        price_id,
        currency_code,
        -quantity as quantity,
        unit,
        -list_amount_unrounded as list_amount_unrounded,
        -amount_unrounded as amount_unrounded
    from {{ hours }} final
    where {{ of_open_hours('account_id', 'hour_at') }} and {{ of_touched_days('account_id', 'sku_id', 'toDate(hour_at)', where=partly_rated) }}
) as parts
group by account_id, project_id, resource_id, region, sku_id, charge_date, charge_type, price_id
having quantity != 0 or list_amount_unrounded != 0 or amount_unrounded != 0

union all

select
    account_id,
    project_id,
    resource_id,
    region,
    sku_id,
    '' as service,
    toDate(hour_at) as charge_date,
    'usage' as charge_type,
    '' as price_id,
    '' as currency_code,
    sum(hours.quantity) as quantity,
    any(hours.unit) as unit,
    toDecimal256(0, 32) as list_amount_unrounded,
    toDecimal256(0, 32) as amount_unrounded,
    reason_code
from {{ unrated }} as hours final
where {{ of_touched_days('account_id', 'sku_id', 'toDate(hour_at)', where=partly_rated) }} and not {{ of_open_hours('account_id', 'hour_at') }}
group by account_id, project_id, resource_id, region, sku_id, charge_date, reason_code
{% else %}
select
    '' as account_id,
    '' as project_id,
    '' as resource_id,
    '' as region,
    '' as sku_id,
    '' as service,
    toDate(0) as charge_date,
    '' as charge_type,
    '' as price_id,
    '' as currency_code,
    toDecimal256(0, 12) as quantity,
    '' as unit,
    toDecimal256(0, 32) as list_amount_unrounded,
    toDecimal256(0, 32) as amount_unrounded,
    '' as reason_code
where 0
{% endif %}
