-- Documents never use more of a credit than it holds, nor give back more than they used.
with used as (
    select uses.credit_id as credit_id, sum(uses.amount) as amount
    from {{ ref('credit_uses') }} as uses
    group by credit_id
)

select
    used.credit_id as credit_id,
    used.amount as used_amount,
    credits.amount as granted_amount
from used
left any join {{ ref('stg_control__credits') }} as credits on used.credit_id = credits.credit_id
where used.amount > credits.amount or used.amount < 0
