-- A line is the sum of its month's days, rounded once. That the days are those of the hours and resources is checked apart.
-- Fingerprints and the number of lines are compared first; days are added up by line only where these differ.
{%- set key = ['account_id', 'month', 'charge_type', 'sku_id', 'price_id'] %}
{%- set days -%}
(
    select account_id, toStartOfMonth(charge_date) as month, charge_type, sku_id, price_id, amount_unrounded
    from {{ ref('int_charged_daily') }}
    where
        {{ days_of_accounts_in_scope('account_id', 'charge_date') }}
        and {{ months_in_scope('account_id', "formatDateTime(toStartOfMonth(charge_date), '%Y-%m')") }}
)
{%- endset %}
{%- set lines -%}
(
    select
        account_id, toDate(period || '-01') as month, line_type as charge_type, sku_id, price_id,
        amount_unrounded, amount, currency_code
    from {{ ref('int_recomputed_lines') }}
    where {{ months_in_scope('account_id', 'period') }}
)
{%- endset %}
{%- set differ %}
(
    (select {{ fingerprint(key, 'amount_unrounded') }}, uniqExact(cityHash64({{ key | join(', ') }})) from {{ days }})
    != (select {{ fingerprint(key, 'amount_unrounded') }}, count() from {{ lines }})
)
{%- endset %}
with charged as (
    select account_id, month, charge_type, sku_id, price_id, sum(days.amount_unrounded) as amount_unrounded
    from {{ days }} as days
    where {{ differ }}
    group by account_id, month, charge_type, sku_id, price_id
)

select
    coalesce(nullif(lines.account_id, ''), charged.account_id) as account_id,
    coalesce(nullif(lines.sku_id, ''), charged.sku_id) as sku_id,
    lines.amount_unrounded as line_amount_unrounded,
    charged.amount_unrounded as charged_amount_unrounded
from (select * from {{ lines }} where {{ differ }}) as lines
full outer join charged
    on lines.account_id = charged.account_id
    and lines.month = charged.month
    and lines.charge_type = charged.charge_type
    and lines.sku_id = charged.sku_id
    and lines.price_id = charged.price_id
where
    line_amount_unrounded != charged_amount_unrounded
    or lines.account_id != charged.account_id

union all

select account_id, sku_id, amount as line_amount_unrounded, amount_unrounded as charged_amount_unrounded
from {{ lines }}
where amount != {{ rounded_amount('amount_unrounded', minor_units('currency_code')) }}
