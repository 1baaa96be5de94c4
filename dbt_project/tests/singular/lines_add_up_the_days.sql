-- A line is the sum of its month's days, rounded once. That the days are those of the hours and resources is checked apart.
with months as (
    select
        account_id,
        any(toStartOfMonth(days.charge_date)) as month,
        charge_type,
        sku_id,
        price_id,
        sum(days.amount_unrounded) as amount_unrounded
    from {{ ref('int_charged_daily') }} as days
    where {{ days_of_accounts_in_scope('account_id', 'charge_date') }}
    group by account_id, toYYYYMM(charge_date), charge_type, sku_id, price_id
),

charged as (
    select account_id, formatDateTime(month, '%Y-%m') as period, charge_type, sku_id, price_id, amount_unrounded
    from months
    where {{ months_in_scope('account_id', 'period') }}
),

lines as (
    select account_id, period, line_type, sku_id, price_id, amount_unrounded, amount, currency_code
    from {{ ref('int_recomputed_lines') }}
    where {{ months_in_scope('account_id', 'period') }}
)

select
    coalesce(nullif(lines.account_id, ''), charged.account_id) as account_id,
    coalesce(nullif(lines.sku_id, ''), charged.sku_id) as sku_id,
    lines.amount_unrounded as line_amount_unrounded,
    charged.amount_unrounded as charged_amount_unrounded
from lines
full outer join charged
    on lines.account_id = charged.account_id
    and lines.period = charged.period
    and lines.line_type = charged.charge_type
    and lines.sku_id = charged.sku_id
    and lines.price_id = charged.price_id
where
    line_amount_unrounded != charged_amount_unrounded
    or lines.account_id != charged.account_id
    or lines.amount != {{ rounded_amount('charged.amount_unrounded', minor_units('lines.currency_code')) }}
