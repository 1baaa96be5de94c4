-- int_charged_daily, from which lines are made, is charges_daily without the resources, to the last digit.
{%- set differ %}
({{ fingerprint_of('charges_daily', 'line_sums') }} != {{ fingerprint_of('int_charged_daily', 'line_sums') }})
{%- endset %}
with resources as (
    select account_id, sku_id, charge_date, charge_type, price_id, quantity, amount_unrounded
    from {{ ref('charges_daily') }}
    where {{ differ }} and {{ in_scope('account_id', 'sku_id', 'charge_date') }}
),

days as (
    select account_id, sku_id, charge_date, charge_type, price_id, quantity, amount_unrounded
    from {{ ref('int_charged_daily') }}
    where {{ differ }} and {{ in_scope('account_id', 'sku_id', 'charge_date') }}
),

both as (
    select account_id, sku_id, charge_date, charge_type, price_id, quantity, amount_unrounded from resources
    union all
    select account_id, sku_id, charge_date, charge_type, price_id, -quantity as quantity, -amount_unrounded as amount_unrounded from days
)

select
    both.account_id as account_id,
    both.sku_id as sku_id,
    both.charge_date as charge_date,
    both.charge_type as charge_type,
    both.price_id as price_id,
    sum(both.quantity) as quantity_difference,
    sum(both.amount_unrounded) as amount_difference
from both
group by account_id, sku_id, charge_date, charge_type, price_id
having quantity_difference != 0 or amount_difference != 0
