{# What the tests of this run look at: the days that the tick touched, or everything (METERHOUSE_DBT_SCOPE=all, set by
   close and by the daily job). #}
{% macro checks_everything() -%}
    {{ return(env_var('METERHOUSE_DBT_SCOPE', 'touched') == 'all') }}
{%- endmacro %}

{% macro in_scope(account_id, sku_id, charge_date) -%}
    {%- if checks_everything() -%} 1
    {%- else -%}
    {{ charge_date }} >= (select min(charge_date) from {{ ref('int_touched_days') }})
    and ({{ account_id }}, {{ sku_id }}, {{ charge_date }}) in (select account_id, sku_id, charge_date from {{ ref('int_touched_days') }})
    {%- endif -%}
{%- endmacro %}

{% macro months_in_scope(account_id, period) -%}
    {%- if checks_everything() -%} 1
    {%- else -%}
    ({{ account_id }}, {{ period }}) in (select account_id, formatDateTime(month, '%Y-%m') from {{ ref('int_touched_days') }})
    {%- endif -%}
{%- endmacro %}
