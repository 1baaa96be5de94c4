-- Lines of all documents that are not issued yet: invoices of open months, and notes for closed ones.
-- Grain: one row per invoice_id, line_number.
{{ config(
    materialized='keyed',
    key=['account_id', 'period', 'kind', 'adjusted_period', 'line_type', 'sku_id', 'price_id'],
    window="account_id in (select account_id from {{ ref('int_touched_accounts') }})",
    touched="{{ ref('int_touched_accounts') }}"
) }}

with notes as (
    select
        account_id,
        adjusted_period,
        if(sum(lines.amount) > 0, 'debit_note', 'credit_note') as kind,
        -- Issued with the first month after the adjusted one that is not closed.
        arrayFirst(
            month -> month not in (select groupArray(period) from {{ ref('stg_control__closed_periods') }}),
            arrayMap(
                number -> formatDateTime(addMonths(toDate(concat(adjusted_period, '-01')), number), '%Y-%m'), range(1, 1201)
            )
        ) as period
    from {{ ref('int_note_lines') }} as lines
    where lines.account_id in (select account_id from {{ ref('int_touched_accounts') }})
    group by account_id, adjusted_period
),

lines as (
    select
        account_id, period, 'invoice' as kind, '' as adjusted_period, line_type, sku_id, price_id, quantity, unit, currency_code, amount
    from {{ ref('int_recomputed_lines') }}
    where
        account_id in (select account_id from {{ ref('int_touched_accounts') }})
        and period not in (select period from {{ ref('stg_control__closed_periods') }})

    union all

    select
        notes.account_id, notes.period, notes.kind, notes.adjusted_period, 'adjustment' as line_type,
        lines.sku_id, lines.price_id, lines.quantity, lines.unit, lines.currency_code, lines.amount
    from {{ ref('int_note_lines') }} as lines
    inner join notes on lines.account_id = notes.account_id and lines.adjusted_period = notes.adjusted_period
)

select
    {{ invoice_id('account_id', 'period', 'kind', 'adjusted_period') }} as invoice_id,
    toUInt32(row_number() over (
        partition by account_id, period, kind, adjusted_period order by sku_id asc, line_type asc, price_id asc
    )) as line_number,
    account_id,
    period,
    kind,
    adjusted_period,
    line_type,
    sku_id,
    price_id,
    quantity,
    unit,
    currency_code,
    amount
from lines
