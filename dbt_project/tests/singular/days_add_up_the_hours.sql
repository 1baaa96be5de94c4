-- charges_daily is charges_hourly by day, to the last digit: the hours that were rated, and the kept ones before them.
{%- set differ %}
(
    {{ fingerprint_of('charges_hourly', 'day_sums') }} + {{ fingerprint_of('int_kept_charges', 'day_sums') }}
    != {{ fingerprint_of('charges_daily', 'day_sums') }}
)
{%- endset %}
with hours as (
    select
        account_id, project_id, resource_id, region, sku_id, toDate(hour_at) as charge_date, charge_type, price_id,
        quantity, list_amount_unrounded, amount_unrounded
    from {{ ref('charges_hourly') }}
    where {{ differ }} and {{ hours_in_scope('account_id', 'sku_id', 'hour_at') }}

    union all

    select
        account_id, project_id, resource_id, region, sku_id, charge_date, charge_type, price_id,
        quantity, list_amount_unrounded, amount_unrounded
    from {{ ref('int_kept_charges') }}
    where {{ differ }} and reason_code = '' and {{ is_kept('account_id') }}
),

days as (
    select
        account_id, project_id, resource_id, region, sku_id, charge_date, charge_type, price_id,
        quantity, list_amount_unrounded, amount_unrounded
    from {{ ref('charges_daily') }}
    where {{ differ }} and {{ in_scope('account_id', 'sku_id', 'charge_date') }}
),

both as (
    select
        account_id, project_id, resource_id, region, sku_id, charge_date, charge_type, price_id,
        quantity, list_amount_unrounded, amount_unrounded
    from hours

    union all

    select
        account_id, project_id, resource_id, region, sku_id, charge_date, charge_type, price_id,
        -quantity as quantity, -list_amount_unrounded as list_amount_unrounded, -amount_unrounded as amount_unrounded
    from days
)

select
    both.account_id as account_id,
    both.resource_id as resource_id,
    both.sku_id as sku_id,
    both.charge_date as charge_date,
    both.charge_type as charge_type,
    both.price_id as price_id,
    sum(both.quantity) as quantity_difference,
    sum(both.list_amount_unrounded) as list_difference,
    sum(both.amount_unrounded) as amount_difference
from both
group by account_id, both.project_id, resource_id, both.region, sku_id, charge_date, charge_type, price_id
having quantity_difference != 0 or list_difference != 0 or amount_difference != 0
