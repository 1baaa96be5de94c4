{# A value of the current tick (ops.ticks) as a constant of the statement. The run hands the tick over (orchestration/dbt.py), so it
   is a literal: a subquery is planned wherever it is asked, which takes longer than an empty tick computes. Views outlive the
   tick, and ask. #}
{% macro tick(column) -%}
    {%- if not execute or model.config.materialized == 'view' or not current_tick() -%}
        assumeNotNull((select {{ column }} from {{ ref('int_current_tick') }}))
    {%- else -%}
        {{ current_tick()[column] }}
    {%- endif -%}
{%- endmacro %}

{# The same where a model must not depend on int_current_tick (inside materializations). #}
{% macro tick_value(column) -%}
    {%- if current_tick() -%}
        {{ current_tick()[column] }}
    {%- else -%}
        {%- set ops = env_var('METERHOUSE_DBT_PREFIX', '') ~ 'ops' -%}
        assumeNotNull((select {{ column }} from {{ ops }}.ticks order by tick_id desc, status asc limit 1))
    {%- endif -%}
{%- endmacro %}

{# The tick that this run computes, each column as a literal; empty where nobody handed one over. #}
{% macro current_tick() -%}
    {{ return(fromjson(env_var('METERHOUSE_DBT_TICK', '{}')) if execute else {}) }}
{%- endmacro %}

{# Whether a condition holds, asked before the statement is written: what it rules out is not planned. While dbt parses, all may hold. #}
{% macro holds(condition) -%}
    {{ return(not execute or run_query('select 1 where ' ~ condition) | length > 0) }}
{%- endmacro %}

{# Whether the tick measures and rates a range of hours anew whatever changed. #}
{% macro is_rebuild() -%}
    {{ return(holds(tick('rebuild_from') ~ ' < ' ~ tick('rebuild_to'))) }}
{%- endmacro %}

{# Whether the tick has another catalog than the last committed one. #}
{% macro has_new_catalog() -%}
    {{ return(holds(tick('catalog_version') ~ ' != ' ~ tick('previous_catalog_version'))) }}
{%- endmacro %}

{# Whether the tables of this run were made by this version of the project, so that their columns are what they have to be. #}
{% macro is_unchanged() -%}
    {{ return(execute and env_var('METERHOUSE_DBT_UNCHANGED', '') == 'yes') }}
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
