{# A value of the current tick (ops.ticks) as a constant of the statement: ClickHouse computes it once, before it prunes. #}
{% macro tick(column) -%}
    assumeNotNull((select {{ column }} from {{ ref('int_current_tick') }}))
{%- endmacro %}

{# The same where a model must not depend on int_current_tick (inside materializations). #}
{% macro tick_value(column) -%}
    {%- set ops = env_var('METERHOUSE_DBT_PREFIX', '') ~ 'ops' -%}
    assumeNotNull((select {{ column }} from {{ ops }}.ticks order by tick_id desc, status asc limit 1))
{%- endmacro %}

{# A relation as the last run left it. For models that must read a table before the graph replaces it, so no ref(). #}
{% macro existing(layer, identifier) -%}
    {%- if execute -%}
        {%- set schema = env_var('METERHOUSE_DBT_PREFIX', '') ~ layer -%}
        {{ return(adapter.get_relation(database=none, schema=schema, identifier=identifier)) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# The table below a keyed model's view, with the versions of its rows and those that vanished. #}
{% macro versions_of(relation) -%}
    {{ relation | string | replace('`', '') }}_versions
{%- endmacro %}
