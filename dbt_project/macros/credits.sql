{# Inside the fold of int_draft_credit_uses: what one document (turn) takes of each credit, given what is left (state.1).
   A document with something to pay takes from each credit that is valid in its month, in order, until it is covered;
   a credit note takes the negative of what it gives back. #}
{% macro credits_taken() -%}
    arrayMap(
        (credit, usable, usable_so_far) -> if(
            turn.3 > 0,
            greatest(least(usable, turn.3 - (usable_so_far - usable)), toInt256(0)),
            -arraySum(arrayMap((id, amount) -> if(id = credit.2, amount, toInt256(0)), turn.6, turn.7))
        ),
        purses.credits,
        arrayMap(
            (credit, has) -> if(credit.3 < turn.5 and credit.1 > turn.4, greatest(has, toInt256(0)), toInt256(0)),
            purses.credits, state.1
        ),
        arrayCumSum(arrayMap(
            (credit, has) -> if(credit.3 < turn.5 and credit.1 > turn.4, greatest(has, toInt256(0)), toInt256(0)),
            purses.credits, state.1
        ))
    )
{%- endmacro %}
