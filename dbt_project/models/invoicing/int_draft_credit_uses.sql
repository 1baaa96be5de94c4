-- Which credits the open documents use, soonest to expire first, and which a credit note gives back, last used first.
-- The documents of an account take their turn: notes by adjusted month, then invoices by month; each finds what the
-- ones before it left. Balances are integers of a ten-thousandth of the currency's main unit.
-- Grain: one row per invoice_id, credit_id.
{{ config(
    materialized='keyed',
    key=['account_id', 'invoice_id', 'credit_id'],
    window="account_id in (select account_id from {{ ref('int_touched_accounts') }})",
    touched="{{ ref('int_touched_accounts') }}"
) }}

with documents as (
    select
        account_id,
        invoice_id,
        any(lines.kind) as kind,
        any(if(lines.kind = 'invoice', lines.period, lines.adjusted_period)) as month,
        toInt256(sum(lines.amount) * 10000) as subtotal
    from {{ ref('int_draft_lines') }} as lines
    where lines.account_id in (select account_id from {{ ref('int_touched_accounts') }})
    group by account_id, invoice_id
),

issued_uses as (
    select
        uses.credit_id as credit_id,
        toInt256(uses.amount * 10000) as amount,
        uses.use_order as use_order,
        invoices.account_id as account_id,
        invoices.invoice_number as invoice_number,
        if(invoices.kind = 'invoice', invoices.period, invoices.adjusted_period) as month
    from {{ ref('stg_control__credit_uses') }} as uses
    inner join {{ ref('stg_control__invoices') }} as invoices on uses.invoice_id = invoices.invoice_id
    where invoices.account_id in (select account_id from {{ ref('int_touched_accounts') }})
),

balances as (
    select
        credits.account_id as account_id,
        credits.credit_id as credit_id,
        credits.valid_from as valid_from,
        credits.valid_to as valid_to,
        toInt256(credits.amount * 10000) - used.amount as balance
    from {{ ref('stg_control__credits') }} as credits
    left any join (select issued_uses.credit_id as credit_id, sum(issued_uses.amount) as amount from issued_uses group by credit_id) as used
        on credits.credit_id = used.credit_id
    where credits.account_id in (select account_id from {{ ref('int_touched_accounts') }})
),

-- What the documents of a month still hold of each credit, and in which order they give it back.
returnable as (
    select
        account_id,
        month,
        credit_id,
        sum(issued_uses.amount) as held,
        maxIf((length(invoice_number), invoice_number, use_order), issued_uses.amount > 0) as last_use
    from issued_uses
    group by account_id, month, credit_id
    having held > 0
),

given_back as (
    select
        invoice_id,
        credit_id,
        least(held, greatest(owed - (held_so_far - held), toInt256(0))) as amount
    from (
        select
            documents.invoice_id as invoice_id,
            -documents.subtotal as owed,
            returnable.credit_id as credit_id,
            returnable.held as held,
            sum(returnable.held) over (
                partition by documents.invoice_id order by returnable.last_use desc, returnable.credit_id desc
                rows between unbounded preceding and current row
            ) as held_so_far
        from documents
        inner join returnable on documents.account_id = returnable.account_id and documents.month = returnable.month
        where documents.subtotal < 0
    )
),

turns as (
    select
        documents.account_id as account_id,
        arraySort(groupArray((
            (documents.kind = 'invoice', documents.month, documents.kind),
            documents.invoice_id,
            documents.subtotal,
            toDateTime64(toDate(concat(documents.month, '-01')), 3, 'UTC'),
            toDateTime64(addMonths(toDate(concat(documents.month, '-01')), 1), 3, 'UTC'),
            backs.credit_ids,
            backs.amounts
        ))) as turns
    from documents
    left any join (
        select invoice_id, groupArray(credit_id) as credit_ids, groupArray(amount) as amounts
        from given_back
        where amount > 0
        group by invoice_id
    ) as backs on documents.invoice_id = backs.invoice_id
    where documents.account_id in (select account_id from balances)
    group by account_id
),

purses as (
    select
        account_id,
        arraySort(groupArray((valid_to, credit_id, valid_from, balance))) as credits
    from balances
    group by account_id
),

played as (
    select
        turns.account_id as account_id,
        arrayMap(credit -> credit.2, purses.credits) as credit_ids,
        turns.turns as turns,
        -- State: what is left of each credit, and what each document took of it so far.
        tupleElement(arrayFold(
            (state, turn) -> (
                arrayMap(
                    (credit, has, took) -> has - took,
                    purses.credits,
                    state.1,
                    {{ credits_taken() }}
                ),
                arrayPushBack(state.2, {{ credits_taken() }})
            ),
            turns.turns,
            (arrayMap(credit -> credit.4, purses.credits), cast([] as Array(Array(Int256))))
        ), 2) as taken
    from turns
    inner join purses on turns.account_id = purses.account_id
)

select
    account_id,
    invoice_id,
    credit_id,
    toUInt32(use_order) as use_order,
    toDecimal128(toDecimal256(amount, 4) / 10000, 4) as amount
from (
    select
        account_id,
        arrayJoin(arrayZip(arrayMap(turn -> turn.2, turns), taken)) as taken_turn,
        taken_turn.1 as invoice_id,
        arrayJoin(arrayZip(credit_ids, taken_turn.2, arrayEnumerate(credit_ids))) as part,
        part.1 as credit_id,
        part.2 as amount,
        part.3 as use_order
    from played
)
where amount != 0
