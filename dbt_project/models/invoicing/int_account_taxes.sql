-- The tax of each account that the tick touches, in each month that one of them has an open document in: the sum of its
-- country's rates valid at the start of the month's last hour; nothing where exempt. For a closed month: as it stood when
-- the month closed.
-- Grain: one row per account_id, period.
{{ config(materialized='view') }}

with periods as (
    select distinct
        if(lines.kind = 'invoice', lines.period, lines.adjusted_period) as period,
        toDateTime64(addMonths(toDate(concat(period, '-01')), 1), 3, 'UTC') - toIntervalHour(1) as last_hour_at
    from {{ ref('int_draft_lines') }} as lines
    where lines.account_id in (select account_id from {{ ref('int_touched_accounts') }})
),

months as (
    select
        accounts.account_id as account_id,
        accounts.country_code as country_code,
        accounts.is_tax_exempt as is_tax_exempt,
        accounts.tax_id as tax_id,
        periods.period as period
    from {{ ref('stg_control__accounts') }} as accounts
    cross join periods
    where accounts.account_id in (select account_id from {{ ref('int_touched_accounts') }})
),

rates as (
    select
        taxes.country_code as country_code,
        periods.period as period,
        sum(taxes.percent) as percent
    from {{ ref('stg_catalog__taxes') }} as taxes
    cross join periods
    where taxes.valid_from <= periods.last_hour_at and taxes.valid_to > periods.last_hour_at
    group by country_code, period
)

select
    months.account_id as account_id,
    months.period as period,
    multiIf(
        closed.period != '', closed.tax_percent,
        months.is_tax_exempt, toDecimal32(0, 6),
        toDecimal32(rates.percent, 6)
    ) as tax_percent,
    multiIf(
        closed.period != '', closed.tax_note,
        months.is_tax_exempt and months.tax_id != '' and months.country_code != {{ tick('seller_country') }}, 'reverse_charge',
        ''
    ) as tax_note
from months
left any join rates on months.country_code = rates.country_code and months.period = rates.period
left any join {{ ref('stg_control__closed_taxes') }} as closed on months.account_id = closed.account_id and months.period = closed.period
