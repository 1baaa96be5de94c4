-- What a day keeps is what its hours before hold, to the last digit. Of a share of the days that are rated in part, which is
-- another one in each tick; all days and hours are compared where everything is checked.
{%- set differ %}
({{ fingerprint_of('kept_hours', 'day_sums') }} != {{ fingerprint_of('kept_days', 'day_sums') }})
{%- endset %}
with both as (
    select
        account_id, project_id, resource_id, region, sku_id, toDate(hour_at) as charge_date, charge_type, price_id,
        quantity, list_amount_unrounded, amount_unrounded
    from {{ ref('charges_hourly') }}
    where
        {{ differ }}
        and {{ is_sampled('account_id', 'sku_id', 'toDate(hour_at)') }}
        and not {{ of_open_hours('account_id', 'sku_id', 'hour_at') }}

    union all

    select
        account_id, project_id, resource_id, region, sku_id, charge_date, charge_type, price_id,
        -quantity as quantity, -list_amount_unrounded as list_amount_unrounded, -amount_unrounded as amount_unrounded
    from {{ ref('int_kept_charges') }}
    where {{ differ }} and reason_code = '' and {{ is_sampled('account_id', 'sku_id', 'charge_date') }}
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
