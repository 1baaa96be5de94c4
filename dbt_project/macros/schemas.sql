{# Layer = database: models/rating/ builds `<prefix>rating`, never `<target>_rating`. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ env_var('METERHOUSE_DBT_PREFIX', '') }}{{ custom_schema_name or 'staging' }}
{%- endmacro %}
