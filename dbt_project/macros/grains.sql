{# The columns that identify a row of those public tables whose grain int_fingerprints counts. #}
{% macro grain_of(table) -%}
    {{ return({
        'consumption_hourly': ['account_id', 'project_id', 'resource_id', 'region', 'sku_id', 'hour_at'],
        'charges_hourly': ['account_id', 'project_id', 'resource_id', 'region', 'sku_id', 'hour_at', 'charge_type', 'price_id'],
        'charges_daily': ['account_id', 'project_id', 'resource_id', 'region', 'sku_id', 'charge_date', 'charge_type', 'price_id']
    }[table]) }}
{%- endmacro %}
