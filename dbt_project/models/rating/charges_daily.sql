-- charges_hourly by UTC day, for breakdowns.
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, charge_date, charge_type, price_id.
{{ config(
    materialized='keyed',
    key=['charge_date', 'account_id', 'sku_id', 'project_id', 'resource_id', 'region', 'charge_type', 'price_id'],
    partition_by='toYYYYMM(charge_date)',
    window="{{ of_touched_days('account_id', 'sku_id', 'charge_date') }}",
    touched="{{ ref('int_touched_days') }}"
) }}
-- depends_on: {{ ref('int_touched_days') }}

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
    sum(parts.amount_unrounded) as amount_unrounded
from (
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
        quantity,
        unit,
        list_amount_unrounded,
        amount_unrounded
    from {{ ref('int_rated_hourly') }}
    where reason_code = ''

    union all

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
    from {{ ref('int_kept_charges') }}
    where reason_code = ''
) as parts
group by account_id, project_id, resource_id, region, sku_id, charge_date, charge_type, price_id
