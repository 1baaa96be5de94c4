{#
A table that each tick fills anew, for its own models. It is not public, and nobody reads it between ticks.

  order_by      sorting key
  touched       the relation that all rows derive from: while it is empty, so is the table; left out: it always is filled

The table itself stays: to make one by its SELECT is to plan that twice, which takes longer than a small tick computes. It is
made anew where it was not made by this version of the project.
#}
{% materialization scratch, adapter='clickhouse' %}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}

    {%- set stored = adapter.get_relation(database=none, schema=this.schema, identifier=this.identifier) -%}
    {%- if is_unchanged() and stored is not none %}
        {% do run_query('truncate table ' ~ target) %}
    {%- else %}
        {% do run_query(
            'create or replace table ' ~ target ~ ' engine = MergeTree order by ' ~ config.require('order_by') ~ ' empty as (' ~ sql ~ ')'
        ) %}
    {%- endif %}
    {% call statement('main') -%}
        {%- if something_is_touched(config.get('touched')) %}
        insert into {{ target }}
        {{ sql }}
        {%- else %}
        select 'nothing is touched'
        {%- endif %}
    {%- endcall %}

    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
