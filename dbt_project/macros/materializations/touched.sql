{#
A table of what the current tick has touched. It keeps what earlier attempts of the same tick found: an attempt that
crashed may have replaced some tables already, and only its record says which windows those were. Rows of ticks that
were committed are dropped. Rows may repeat; read with distinct, group by or in.
#}
{% materialization touched, adapter='clickhouse' %}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}

    {%- if adapter.get_relation(database=none, schema=this.schema, identifier=this.identifier) is none %}
        {% do run_query('create table ' ~ target ~ ' engine = MergeTree partition by _previous_tick_id order by tuple()'
            ~ ' as select *, toUInt64(0) as _previous_tick_id from (' ~ sql ~ ') limit 0') %}
    {%- endif %}
    {%- set previous = run_query('select ' ~ tick_value('previous_tick_id'))[0][0] %}
    {%- for partition_id in partition_ids(target) if partition_id != previous | string %}
        {% do run_query("alter table " ~ target ~ " drop partition id '" ~ partition_id ~ "'") %}
    {%- endfor %}
    {% call statement('main') -%}
        insert into {{ target }} select *, {{ previous }} from (
        {{ sql }}
        )
    {%- endcall %}

    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
