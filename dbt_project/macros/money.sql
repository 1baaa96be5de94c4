{# All rounding of quantities and money stands here, and in control/domain/money.py for Python. #}

{# numerator / denominator, rounded half away from zero to 12 decimals. Both are integers, the numerator not negative.
   Int256 holds 10^76: a numerator of 10^18 units at 9 decimals held for an hour of milliseconds is 10^34, times 2 * 10^12. #}
{% macro quantity_of(numerator, denominator) -%}
    (toDecimal256(
        intDiv(toInt256({{ numerator }}) * toInt256('2000000000000') + toInt256({{ denominator }}), toInt256({{ denominator }}) * 2), 12
    ) / toInt256('1000000000000'))
{%- endmacro %}

{# A Decimal with 9 decimals as the integer of its billionths. #}
{% macro billionths(value) -%}
    toInt256(toDecimal256({{ value }}, 9) * toInt256(1000000000))
{%- endmacro %}

{# An exact amount rounded half away from zero to the currency's minor unit. #}
{% macro rounded_amount(amount, minor_units) -%}
    toDecimal128(multiIf(
        {{ minor_units }} = 0, round({{ amount }}, 0),
        {{ minor_units }} = 2, round({{ amount }}, 2),
        {{ minor_units }} = 3, round({{ amount }}, 3),
        round({{ amount }}, 4)
    ), 4)
{%- endmacro %}

{# What x units cost from zero under a price: piecewise linear, or steps for package. Exact, 24 decimals.
   A segment k covers (lows[k], lows[k + 1]]; cost = bases[k] + (x - lows[k]) * slopes[k]; nothing costs nothing. #}
{% macro cost_of(x, price) -%}
    multiIf(
        {{ x }} = 0, toDecimal256(0, 24),
        {{ price }}.package_size > 0,
        toDecimal256(intDiv(
            {{ trillionths(x) }} + {{ trillionths(price ~ '.package_size') }} - 1, greatest({{ trillionths(price ~ '.package_size') }}, 1)
        ), 12) * toDecimal256({{ price }}.unit_price, 12),
        arrayElement({{ price }}.bases, arrayCount(low -> low < {{ x }}, {{ price }}.lows))
        + ({{ x }} - arrayElement({{ price }}.lows, arrayCount(low -> low < {{ x }}, {{ price }}.lows)))
        * arrayElement({{ price }}.slopes, arrayCount(low -> low < {{ x }}, {{ price }}.lows))
    )
{%- endmacro %}

{# The greatest running total of a month that can be rated exactly: beyond it the products of a cost no longer fit 76 digits. #}
{% macro greatest_month_total() -%}
    toDecimal256('1000000000000000000000000000', 12)
{%- endmacro %}

{# A Decimal with 12 decimals as the integer of its trillionths. #}
{% macro trillionths(value) -%}
    toInt256(toDecimal256({{ value }}, 12) * toInt256(1000000000000))
{%- endmacro %}

{# A cost as FOCUS files carry it: 18 decimals, rounded half away from zero, in the 38 digits that readers of Parquet know. #}
{% macro cost(amount) -%}
    toDecimal128(round(toDecimal256({{ amount }}, 32), 18), 18)
{%- endmacro %}

{# What one unit costs, to 18 decimals. #}
{% macro unit_cost(amount, quantity) -%}
    if({{ quantity }} > 0, {{ cost('toDecimal256(' ~ amount ~ ', 32) / if(' ~ quantity ~ ' > 0, ' ~ quantity ~ ', toDecimal256(1, 12))') }}, {{ cost('0') }})
{%- endmacro %}
