{#
A table of which each run replaces some windows, atomically for readers and without a trace of rows that vanished.

  key           columns that identify a row
  order_by      sorting key, if not the key itself: the same columns, and expressions over them that windows begin with
  partition_by  expression over the key; a partition is replaced as a whole, so it bounds the cost of a swap
  window        condition on stored rows: which of them this run recomputes
  touched       the relation that the window asks: while it is empty, there is nothing to replace; left out: there always is
  merge_after   seconds after which parts of a partition become one, whatever their sizes; only where partitions are small
                enough to be written once more for each tick that touches them; left out: the engine goes by sizes

The model's SQL yields all rows of its window. They go to `<model>_delta`; stored rows of the window that it no longer
yields go there too, as deleted. The old parts of each touched partition are linked beside them (no data is copied) and
the partition is swapped in: one atomic step, so a reader sees the old month or the new one. `<model>_versions` keeps
versions until a merge drops them; the view `<model>` shows the newest of each key.
#}
{% materialization keyed, adapter='clickhouse' %}
    {%- set versions = api.Relation.create(identifier=this.identifier ~ '_versions', schema=this.schema, type='table') -%}
    {%- set delta = api.Relation.create(identifier=this.identifier ~ '_delta', schema=this.schema, type='table') -%}
    {%- set view = this.incorporate(type='view') -%}
    {%- set key = config.require('key') | join(', ') -%}
    {%- set order_by = config.get('order_by', config.require('key')) | join(', ') -%}
    {%- set partition_by = config.get('partition_by', 'tuple()') -%}

    {{ run_hooks(pre_hooks) }}

    {%- set stored = adapter.get_relation(database=none, schema=this.schema, identifier=versions.identifier) %}
    {%- if stored is none %}
        {% do run_query(keyed_create(versions, order_by, partition_by, sql)) %}
    {%- elif not is_unchanged() %}
        {% do run_query('alter table ' ~ versions ~ ' modify setting ' ~ keyed_merging()) %}
    {%- endif %}
    {%- set is_touched = something_is_touched(config.get('touched')) %}

    {%- if is_unchanged() and stored is not none and not is_touched %}
        {% call statement('main') -%} select 'nothing is touched' {%- endcall %}
        {{ run_hooks(post_hooks) }}
        {{ return({'relations': [view]}) }}
    {%- endif %}

    {%- set columns = adapter.get_columns_in_relation(versions) | map(attribute='name') | reject('in', ['_version', '_is_deleted']) | join(', ') %}

    {%- if is_touched %}
        {% do run_query('create or replace table ' ~ delta ~ ' as ' ~ versions) %}
        {% call statement('rows') -%}
            insert into {{ delta }} ({{ columns }}, _version, _is_deleted)
            select {{ columns }}, {{ tick_value('tick_id') }}, 0 from (
            {{ sql }}
            )
        {%- endcall %}
        {#- Mostly nothing of the window is stored yet; then the set of the delta's keys is not built. #}
        {%- set stored_rows = ' from ' ~ versions ~ ' final where (' ~ render(config.require('window')) ~ ')' %}
        {%- if run_query('select 1' ~ stored_rows ~ ' limit 1') | length %}
            {% do run_query('insert into ' ~ delta ~ ' (' ~ columns ~ ', _version, _is_deleted)'
                ~ ' select ' ~ columns ~ ', ' ~ tick_value('tick_id') ~ ', 1' ~ stored_rows
                ~ ' and (' ~ key_hash(key) ~ ') not in (select ' ~ key_hash(key) ~ ' from ' ~ delta ~ ')') %}
        {%- endif %}

        {%- for partition_id in partition_ids(delta) %}
            {% do run_query("alter table " ~ delta ~ " attach partition id '" ~ partition_id ~ "' from " ~ versions) %}
            {% do run_query("alter table " ~ versions ~ " replace partition id '" ~ partition_id ~ "' from " ~ delta) %}
        {%- endfor %}
        {% do run_query('drop table if exists ' ~ delta ~ ' sync') %}
    {%- endif %}
    {% call statement('main') -%}
        create or replace view {{ view }} as select {{ columns }} from {{ versions }} final
    {%- endcall %}

    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [view]}) }}
{% endmaterialization %}


{# Whether the relation that a model asks has rows; a model that asks none always is touched. #}
{% macro something_is_touched(relation) %}
    {{ return(not relation or run_query('select 1 from ' ~ render(relation) ~ ' limit 1') | length > 0) }}
{% endmacro %}


{# Partitions that hold rows. The server knows them; asking the table itself reads all of it. #}
{% macro partition_ids(relation) %}
    {{ return(run_query(
        "select distinct partition_id from system.parts where active and rows > 0"
        ~ " and database = '" ~ relation.schema ~ "' and table = '" ~ relation.identifier ~ "'"
    ) | map(attribute=0) | map('string') | list) }}
{% endmacro %}


{% macro keyed_create(versions, order_by, partition_by, sql) %}
    create table {{ versions }}
    engine = ReplacingMergeTree(_version, _is_deleted)
    partition by {{ partition_by }}
    order by ({{ order_by }})
    {#- A late event reads some granules of each day it re-rates: rows in one, the smaller the less it reads, the larger the index. #}
    settings index_granularity = 256, {{ keyed_merging() }}
    empty as select *, toUInt64(0) as _version, toUInt8(0) as _is_deleted from (
    {{ sql }}
    )
{% endmacro %}


{# By sizes, parts are merged once some are as large together as five of the largest. Those of a few ticks stay side by side for
   days, and a question whose answer is some rows of each pays for each. #}
{% macro keyed_merging() -%}
    min_age_to_force_merge_seconds = {{ config.get('merge_after', 0) }}
{%- endmacro %}
