{# Whether a cell of (metric, region) is a sum, a maximum or a count. Not where a SKU asks for the latest value or for unique
   ones, and not where there is no SKU: there usage and states of a resource share a cell. #}
{% macro is_plain(metric, region) -%}
    (
        {{ metric }} not in (select metric from {{ inlined('stg_catalog__skus') }} where aggregation in ('latest', 'unique'))
        and (
            {{ metric }} in (select metric from {{ inlined('stg_catalog__skus') }} where region = '')
            or ({{ metric }}, {{ region }}) in (select metric, region from {{ inlined('stg_catalog__skus') }})
        )
    )
{%- endmacro %}

{# The SKU of a cell's (metric, region): one of the region beats the one for all regions. Joins `regional` and `general`. #}
{% macro join_skus(cells) -%}
    left any join skus as regional on {{ cells }}.metric = regional.metric and {{ cells }}.region = regional.region
    left any join (select * from skus where region = '') as general on {{ cells }}.metric = general.metric
{%- endmacro %}

{% macro of_sku(column) -%}
    if(regional.sku_id != '', regional.{{ column }}, general.{{ column }})
{%- endmacro %}
