-- For each closed month: what was issued, plus the notes that wait, is what the events and the catalog make today.
with both as (
    select account_id, period as month, sku_id, price_id, amount, quantity
    from {{ ref('int_recomputed_lines') }}
    where period in (select period from {{ ref('stg_control__closed_periods') }}) and {{ months_in_scope('account_id', 'period') }}

    union all

    select
        account_id, if(kind = 'invoice', period, adjusted_period) as month, sku_id, price_id, -amount as amount, -quantity as quantity
    from {{ ref('invoice_lines') }}
    where
        kind in ('invoice', 'debit_note', 'credit_note')
        and if(kind = 'invoice', period, adjusted_period) in (select period from {{ ref('stg_control__closed_periods') }})
        and {{ months_in_scope('account_id', "if(kind = 'invoice', period, adjusted_period)") }}
)

select
    both.account_id as account_id,
    both.month as month,
    both.sku_id as sku_id,
    both.price_id as price_id,
    sum(both.amount) as amount_difference,
    sum(both.quantity) as quantity_difference
from both
group by account_id, month, sku_id, price_id
having amount_difference != 0 or quantity_difference != 0
