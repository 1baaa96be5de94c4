-- What closed months owe or are owed: their lines as recomputed minus all that was issued for them.
-- Grain: one row per account_id, adjusted_period, sku_id, price_id.
{{ config(
    materialized='keyed',
    key=['account_id', 'adjusted_period', 'sku_id', 'price_id'],
    window="1"
) }}

{% set pending = existing('invoicing', 'int_note_lines_versions') -%}

with months as (
    select distinct
        account_id,
        formatDateTime(month, '%Y-%m') as period
    from {{ ref('int_touched_days') }}
    where period in (select period from {{ ref('stg_control__closed_periods') }})
{% if pending %}
    union distinct

    select distinct
        account_id,
        adjusted_period as period
    from {{ pending }} final
{% endif %}
),

differences as (
    select account_id, period as adjusted_period, sku_id, price_id, currency_code, unit, quantity, amount
    from {{ ref('int_recomputed_lines') }}
    where (account_id, period) in (select account_id, period from months)

    union all

    select
        account_id,
        if(kind = 'invoice', period, adjusted_period) as adjusted_period,
        sku_id, price_id, currency_code, unit, -quantity as quantity, -amount as amount
    from {{ ref('stg_control__invoice_lines') }}
    where kind in ('invoice', 'debit_note', 'credit_note') and (account_id, adjusted_period) in (select account_id, period from months)
)

select
    account_id,
    adjusted_period,
    sku_id,
    price_id,
    any(differences.currency_code) as currency_code,
    any(differences.unit) as unit,
    sum(differences.quantity) as quantity,
    sum(differences.amount) as amount
from differences
group by account_id, adjusted_period, sku_id, price_id
having quantity != 0 or amount != 0
