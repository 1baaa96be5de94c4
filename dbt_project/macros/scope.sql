{# What the tests of this run look at: the days that the tick touched, or everything (METERHOUSE_DBT_SCOPE=all, set by
   close and by the daily job). #}
{% macro checks_everything() -%}
    {{ return(execute and env_var('METERHOUSE_DBT_SCOPE', 'touched') == 'all') }}
{%- endmacro %}

{% macro in_scope(account_id, sku_id, charge_date) -%}
    {%- if checks_everything() -%} 1
    {%- else -%} {{ of_touched_days(account_id, sku_id, charge_date) }}
    {%- endif -%}
{%- endmacro %}

{% macro of_touched_days(account_id, sku_id, charge_date, where='1') -%}
    {{ is_among([charge_date, account_id, sku_id], ref('int_touched_days'), its_key=['charge_date', 'account_id', 'sku_id'], where=where) }}
{%- endmacro %}

{% macro of_touched_windows(account_id, resource_id, hour_at) -%}
    {{ is_among(
        ['toDate(' ~ hour_at ~ ')', account_id, hour_at, resource_id],
        ref('int_touched_windows'), its_key=['toDate(hour_at)', 'account_id', 'hour_at', 'resource_id']
    ) }}
{%- endmacro %}

{# The hours that a tick rates: of days that are rated whole all of them. Hours are the same for all sets of an account, so
   that only few are asked for, and one large set is all that is built. #}
{% macro to_rate(account_id, sku_id, hour_at, whole_days='empty(hours)') -%}
    (
        ({{ key_hash('toDate(' ~ hour_at ~ '), ' ~ account_id ~ ', ' ~ sku_id) }}) in (
            select {{ key_hash('charge_date, account_id, sku_id') }} from {{ ref('int_touched_days') }}
        )
        and (
            {{ of_open_hours(account_id, hour_at) }}
            or {{ of_touched_days(account_id, sku_id, 'toDate(' ~ hour_at ~ ')', where=whole_days) }}
        )
    )
{%- endmacro %}

{# The hours to rate of accounts that have days which are rated in part. #}
{% macro of_open_hours(account_id, hour_at) -%}
    (toDate({{ hour_at }}), {{ account_id }}, {{ hour_at }}) in (
        select charge_date, account_id, arrayJoin(any(hours))
        from {{ ref('int_touched_days') }}
        where notEmpty(hours)
        group by charge_date, account_id
    )
{%- endmacro %}

{# The hours that checks look at: those that were rated, and all hours of a share of the days that keep some, so that what
   is kept is held against its hours, of other accounts in each tick. #}
{% macro hours_in_scope(account_id, sku_id, hour_at) -%}
    {%- if checks_everything() -%} 1
    {%- else -%} {{ to_rate(account_id, sku_id, hour_at, whole_days='empty(hours) or is_sampled') }}
    {%- endif -%}
{%- endmacro %}

{# Accounts of which checks take what is kept, in place of the hours that it is of. #}
{% macro is_kept(account_id) -%}
    {%- if checks_everything() -%} 0
    {%- else -%} {{ account_id }} not in (select account_id from {{ ref('int_touched_days') }} where is_sampled)
    {%- endif -%}
{%- endmacro %}

{% macro windows_in_scope(account_id, resource_id, hour_at) -%}
    {%- if checks_everything() -%} 1
    {%- else -%} {{ of_touched_windows(account_id, resource_id, hour_at) }}
    {%- endif -%}
{%- endmacro %}

{% macro months_in_scope(account_id, period) -%}
    {%- if checks_everything() -%} 1
    {%- else -%}
    ({{ account_id }}, {{ period }}) in (
        select account_id, formatDateTime(month, '%Y-%m') from (select distinct account_id, month from {{ ref('int_touched_days') }})
    )
    {%- endif -%}
{%- endmacro %}

{# Wider than `months_in_scope`, and cheap to ask of each day: what is added up is left out by month afterwards. #}
{% macro days_of_accounts_in_scope(account_id, charge_date) -%}
    {%- if checks_everything() -%} 1
    {%- else -%}
    {{ account_id }} in (select account_id from {{ ref('int_touched_days') }})
        and {{ charge_date }} >= (select min(month) from {{ ref('int_touched_days') }})
    {%- endif -%}
{%- endmacro %}

{% macro accounts_in_scope(account_id) -%}
    {%- if checks_everything() -%} 1
    {%- else -%} {{ account_id }} in (select account_id from {{ ref('int_touched_accounts') }})
    {%- endif -%}
{%- endmacro %}
