{# A staging view as its statement. A view is planned wherever it is asked, with the subquery for the tick in it; here that is a
   literal. For models that ask a view several times. #}
{% macro inlined(name) -%}
    {%- set view = ref(name) -%}
    {%- if execute and current_tick() -%}
    (
    {{ render(graph.nodes['model.' ~ model.package_name ~ '.' ~ name].raw_code) }}
    )
    {%- else -%}
    {{ view }}
    {%- endif -%}
{%- endmacro %}

{# What stands in a database, for the adapter's cache, which asks it of each layer in each run. In place of the adapter's own,
   which looks for materialized views in the text of every table of the server; the project has none.
   The columns and their order are the adapter's. #}
{% macro clickhouse__list_relations_without_caching(schema_relation) %}
    {% call statement('list_relations_without_caching', fetch_result=True) -%}
    select
        name,
        database as schema,
        multiIf(engine = 'View', 'view', engine = 'Dictionary', 'dictionary', 'table') as type,
        (select engine from system.databases where name = '{{ schema_relation.schema }}') as db_engine,
        '[]' as mvs_pointing_to_it,
        0 as is_refreshable,
        0 as refreshable_append,
        0 as is_on_cluster
    from system.tables
    where database = '{{ schema_relation.schema }}'
    {%- endcall %}
    {{ return(load_result('list_relations_without_caching').table) }}
{% endmacro %}
