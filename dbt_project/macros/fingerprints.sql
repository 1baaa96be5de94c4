{# The sums of a value by key, as one number: the digits of each row times the 128-bit hash of its key, added up modulo 2^256.
   Two tables with the same sum of each key have the same fingerprint, however their rows are cut. Where sums differ, by as
   little as one digit of one key, so do fingerprints: differences would have to cancel out against hashes that nobody
   chose. No table of keys is built, so it costs a tenth of grouping by them. Both sides need keys of the same types and
   values of the same scale. Not sipHash128, which takes five times as long for a key of eight texts. #}
{% macro fingerprint(key, value) -%}
    {%- set columns = key | join(', ') -%}
    sum((toInt256(cityHash64({{ columns }})) * toInt256('18446744073709551616') + xxh3({{ columns }})) * reinterpretAsInt256({{ value }}))
{%- endmacro %}

{# A key as 128 bits, for sets of keys: a set of eight texts each takes four times as long to build, and as much more memory. #}
{% macro key_hash(columns) -%}
    cityHash64({{ columns }}), xxh3({{ columns }})
{%- endmacro %}

{# Whether a row has one of the keys of a relation. Hashes decide, in half the time that texts take. But a table finds its
   granules by texts: they are asked for as well, but where a crowd of them shares its first column all of that is read.
     key      expressions of the row that asks, in the order of its table; the first of few values, as a day
     its_key  the same of the relation, if they have other names there; of the same types, or nothing is found;
              so the start of an hour, whose type is up to the server, is converted
     where    condition on the relation #}
{% macro is_among(key, relation, its_key=none, where='1') -%}
    {%- set its_key = its_key or key -%}
    {%- set crowd = env_var('METERHOUSE_DBT_CROWD', '100000') if execute else 100000 -%} {#- of tests, which have no crowds #}
    {%- set crowded = 'select ' ~ its_key[0] ~ ' from ' ~ relation ~ ' where ' ~ where ~ ' group by ' ~ its_key[0] ~ ' having count() > ' ~ crowd -%}
    (
        (
            {{ key[0] }} in ({{ crowded }})
            or ({{ key | join(', ') }}) in (
                select {{ its_key | join(', ') }} from {{ relation }} where ({{ where }}) and {{ its_key[0] }} not in ({{ crowded }})
            )
        )
        and ({{ key_hash(key | join(', ')) }}) in (select {{ key_hash(its_key | join(', ')) }} from {{ relation }} where {{ where }})
    )
{%- endmacro %}

{# The fingerprints of several values. #}
{% macro fingerprints(key, values) -%}
    [{% for value in values %}{{ fingerprint(key, value) }}{{ ', ' if not loop.last }}{% endfor %}]
{%- endmacro %}

{# Rows and different keys of a table's grain. Keys are counted by hashes: equal keys have equal ones, so none that repeats is overlooked. #}
{% macro row_count_and_key_count(table) -%}
    count() as row_count,
    uniqExact(cityHash64({{ grain_of(table) | join(', ') }})) as key_count
{%- endmacro %}

{# A value of a table's row in int_fingerprints: computed once, before the statement runs. Without the row nothing is compared, so that is an error. #}
{% macro fingerprint_of(table, column) -%}
    (
        select any({{ column }}) from {{ ref('int_fingerprints') }} where relation = '{{ table }}'
        having throwIf(count() != 1, 'int_fingerprints has not one row of {{ table }}') = 0
    )
{%- endmacro %}
