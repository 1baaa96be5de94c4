-- Every unit consumed is charged once or is shown as unrated: none vanishes, none is charged twice.
{%- set differ %}
(
    {{ fingerprint_of('consumption_hourly', 'hour_sums[1]') }}
    != {{ fingerprint_of('charges_hourly', 'hour_sums[1]') }} + {{ fingerprint_of('int_unrated_hourly', 'hour_sums[1]') }}
)
{%- endset %}
with consumed as (
    select account_id, sku_id, hour_at, quantity
    from {{ ref('consumption_hourly') }}
    where {{ differ }} and {{ hours_in_scope('account_id', 'sku_id', 'hour_at') }}
),

shown as (
    select account_id, sku_id, hour_at, quantity
    from {{ ref('charges_hourly') }}
    where charge_type in ('usage', 'commitment') and {{ differ }} and {{ hours_in_scope('account_id', 'sku_id', 'hour_at') }}

    union all

    select account_id, sku_id, hour_at, quantity
    from {{ ref('int_unrated_hourly') }}
    where {{ differ }} and {{ hours_in_scope('account_id', 'sku_id', 'hour_at') }}
),

both as (
    select account_id, sku_id, hour_at, quantity from consumed
    union all
    select account_id, sku_id, hour_at, -quantity as quantity from shown
)

select
    both.account_id as account_id,
    both.sku_id as sku_id,
    both.hour_at as hour_at,
    sum(both.quantity) as difference
from both
group by account_id, sku_id, hour_at
having difference != 0
