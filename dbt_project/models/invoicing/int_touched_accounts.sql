-- Accounts whose drafts this tick makes anew: those with new lines, and those of which the control store has changed
-- something (currency, tax, credits, issued documents). All of them where something changed that concerns all: a month was
-- closed, the catalog (its tax rates), the issuer's country, or the change is not known.
-- Grain: rows may repeat; read with in.
{{ config(materialized='touched') }}

{% set drafts = existing('invoicing', 'int_draft_lines_versions') -%}
{% set uses = existing('invoicing', 'int_draft_credit_uses_versions') -%}
{% set is_changed = tick('control_revision') ~ ' = 0 or ' ~ tick('control_revision') ~ ' > ' ~ tick('previous_control_revision') -%}

select distinct account_id
from {{ ref('int_touched_days') }}

union distinct

select account_id
from {{ ref('stg_control__accounts') }}
where
    {{ tick('catalog_version') }} != {{ tick('previous_catalog_version') }}
    or {{ tick('seller_country') }} != {{ tick('previous_seller_country') }}
    or {{ tick('rebuild_from') }} < {{ tick('rebuild_to') }}
    or {{ tick('control_revision') }} = 0
    or (select max(revision) from {{ source('raw', 'control_closed_periods') }}) > {{ tick('previous_control_revision') }}
{% for table in ('control_accounts', 'control_credits', 'control_invoices', 'control_closed_taxes') %}
union distinct

select account_id
from {{ source('raw', table) }}
where ({{ is_changed }}) and revision > {{ tick('previous_control_revision') }}
{% endfor -%}
{% if uses %}
union distinct

-- A credit that went to another account no longer says whose it was; only the draft that uses it still does.
select account_id
from {{ uses }} final
where
    ({{ is_changed }})
    and credit_id in (
        select credit_id from {{ source('raw', 'control_credits') }} where revision > {{ tick('previous_control_revision') }}
    )
{% endif %}
{% if drafts %}
union distinct

-- A rebuild also looks at what is stored, so that a draft without a cause does not survive it.
select account_id
from {{ drafts }}
where {{ tick('rebuild_from') }} < {{ tick('rebuild_to') }}
{% endif %}
