-- The touched sets rated: each part of an hour with its price, discount and exact amount, or with the reason why it has
-- none. An hour costs the price of the running total after it minus that before it, so hours add up to the month.
-- Grain: one row per account_id, project_id, resource_id, region, sku_id, hour_at, charge_type, price_id.
{{ config(materialized='scratch', order_by='(account_id, sku_id, hour_at)', touched="{{ ref('int_touched_days') }}") }}

{% set has_discounts = holds('(select count() from ' ~ inlined('stg_catalog__discounts') ~ ') > 0') -%}
{% set has_commitments = holds('(select count() from (select 1 from ' ~ ref('int_split_hourly') ~ " where charge_type != 'usage' limit 1)) > 0") -%}

with sets as (
    select
        account_id,
        sku_id,
        month,
        min(days.charge_date) as from_date
    from {{ ref('int_touched_days') }} as days
    group by account_id, sku_id, month
),

-- Days before all touched ones, by month: mostly all that there is to add up, so nothing is asked of each but its account.
before as (
    select
        account_id,
        sku_id,
        any(toStartOfMonth(days.charge_date)) as month,
        sum(days.quantity) as quantity
    from {{ ref('int_on_demand_daily') }} as days
    where
        account_id in (select account_id from {{ ref('int_touched_days') }})
        and charge_date >= (select min(month) from {{ ref('int_touched_days') }})
        and charge_date < (select min(charge_date) from {{ ref('int_touched_days') }})
    group by account_id, sku_id, toYYYYMM(charge_date)
),

-- What the running total starts from: the quantity before a set's first touched day and before its first touched hour, and
-- the days between touched ones.
carried as (
    select
        days.account_id as account_id,
        days.sku_id as sku_id,
        days.month as month,
        sumIf(days.quantity, days.charge_date < sets.from_date) as quantity,
        groupArrayIf((days.charge_date, days.quantity), days.charge_date > sets.from_date) as gaps
    from (
        select account_id, sku_id, month, month - 1 as charge_date, quantity
        from before

        union all

        select account_id, sku_id, toStartOfMonth(kept.charge_date) as month, kept.charge_date - 1 as charge_date, quantity
        from {{ ref('int_kept_charges') }} as kept
        where charge_type = 'usage'

        union all

        select account_id, sku_id, toStartOfMonth(charge_date) as month, charge_date, quantity
        from {{ ref('int_on_demand_daily') }}
        where
            account_id in (select account_id from {{ ref('int_touched_days') }})
            and charge_date >= (select min(charge_date) from {{ ref('int_touched_days') }})
            and ({{ key_hash('account_id, sku_id, charge_date') }}) not in (
                select {{ key_hash('account_id, sku_id, charge_date') }} from {{ ref('int_touched_days') }}
            )
    ) as days
    inner join sets on days.account_id = sets.account_id and days.sku_id = sets.sku_id and days.month = sets.month
    group by account_id, sku_id, month
),

accounts as (
    select account_id, currency_code
    from {{ inlined('stg_control__accounts') }}
    where account_id in (select account_id from {{ ref('int_touched_days') }})
),

prices as (
    select price_id, unit_price, package_size, lows, bases, slopes
    from {{ ref('int_price_segments') }}
),

running as (
    select
        split.account_id as account_id,
        split.project_id as project_id,
        split.resource_id as resource_id,
        split.region as region,
        split.sku_id as sku_id,
        split.hour_at as hour_at,
        split.metric as metric,
        split.unit as unit,
        split.labels_hash as labels_hash,
        split.quantity as quantity,
        carried.quantity + arraySum(gap -> if(gap.1 < toDate(split.hour_at), gap.2, toDecimal256(0, 12)), carried.gaps)
        + sum(split.quantity) over (
            partition by split.account_id, split.sku_id, toStartOfMonth(split.hour_at)
            order by split.hour_at asc, split.project_id asc, split.resource_id asc, split.region asc
            rows between unbounded preceding and current row
        ) as total_after,
        total_after - split.quantity as total_before
    from (select * from {{ ref('int_split_hourly') }} where charge_type = 'usage') as split
    left any join carried
        on split.account_id = carried.account_id
        and split.sku_id = carried.sku_id
        and toStartOfMonth(toDate(split.hour_at)) = carried.month
),

services as (
    select sku_id, service from {{ inlined('stg_catalog__skus') }}
),

-- Prices and discounts hold for whole hours: looked up once an hour of a set, not once a row. Of unknown accounts there are none.
hours as (
    select
        split.account_id as account_id,
        split.sku_id as sku_id,
        split.hour_at as hour_at,
        accounts.currency_code as currency_code,
        services.service as service
    from (select distinct account_id, sku_id, hour_at from {{ ref('int_split_hourly') }} where charge_type = 'usage') as split
    inner join accounts on split.account_id = accounts.account_id
    left any join services on split.sku_id = services.sku_id
),
{% if has_discounts %}
discounts as (
    select
        hours.account_id as account_id,
        hours.sku_id as sku_id,
        hours.hour_at as hour_at,
        -- The most specific scope, then the larger percent; the id only decides which of two equals is named.
        argMin(
            (discounts.discount_id, discounts.percent),
            (indexOf(['sku', 'service', 'all'], toString(discounts.scope_type)), -discounts.percent, discounts.discount_id)
        ) as best
    from (
        select hours.account_id, hours.sku_id, hours.hour_at, hours.service, arrayJoin([hours.account_id, '']) as holder_id
        from hours
    ) as hours
    inner join {{ inlined('stg_catalog__discounts') }} as discounts on hours.holder_id = discounts.account_id
    where
        hours.hour_at >= discounts.valid_from
        and hours.hour_at < discounts.valid_to
        and (
            discounts.scope_type = 'all'
            or (discounts.scope_type = 'service' and discounts.scope_value = hours.service)
            or (discounts.scope_type = 'sku' and discounts.scope_value = hours.sku_id)
        )
    group by account_id, sku_id, hour_at
),
{% endif %}
-- Prices of one (sku, account, currency) never overlap, so the last that has begun is the only candidate.
listed as (
    select price_id, sku_id, account_id, currency_code, valid_from, valid_to
    from {{ inlined('stg_catalog__prices') }}
),

offers as (
    select
        hours.account_id as account_id,
        hours.sku_id as sku_id,
        hours.hour_at as hour_at,
        hours.currency_code as currency_code,
        hours.service as service,
        if(contract.price_id != '' and hours.hour_at < contract.valid_to, contract.price_id, '') as contract_id,
        if(list.price_id != '' and hours.hour_at < list.valid_to, list.price_id, '') as list_id
    from hours
    asof left join (select * from listed where account_id != '') as contract
        on hours.sku_id = contract.sku_id
        and hours.account_id = contract.account_id
        and hours.currency_code = contract.currency_code
        and hours.hour_at >= contract.valid_from
    asof left join (select * from listed where account_id = '') as list
        on hours.sku_id = list.sku_id
        and hours.currency_code = list.currency_code
        and hours.hour_at >= list.valid_from
),

terms as (
    select
        offers.account_id as account_id,
        offers.sku_id as sku_id,
        offers.hour_at as hour_at,
        offers.currency_code as currency_code,
        offers.service as service,
        if(offers.contract_id != '', offers.contract_id, offers.list_id) as price_id,
        -- Where it is another one: its segments are not laid beside each row in vain.
        if(offers.contract_id != '', offers.list_id, '') as list_price_id,
{% if has_discounts %}
        discounts.best.1 as discount_id,
        toDecimal256(100 - discounts.best.2, 8) / 100 as payable
    from offers
    left any join discounts
        on offers.account_id = discounts.account_id and offers.sku_id = discounts.sku_id and offers.hour_at = discounts.hour_at
{% else %}
        '' as discount_id,
        toDecimal256(100, 8) / 100 as payable
    from offers
{% endif %}
),

priced as (
    select
        running.account_id as account_id,
        running.project_id as project_id,
        running.resource_id as resource_id,
        running.region as region,
        running.sku_id as sku_id,
        running.hour_at as hour_at,
        running.metric as metric,
        running.unit as unit,
        running.labels_hash as labels_hash,
        running.quantity as quantity,
        terms.currency_code as currency_code,
        terms.price_id as price_id,
        terms.discount_id as discount_id,
        terms.service as service,
        -- Beyond this the exact products below no longer fit 76 digits.
        throwIf(running.total_after > {{ greatest_month_total() }}, 'a month total of more than 10^27 units cannot be rated exactly') as _guard,
        if(terms.price_id = '', toDecimal256(0, 24), {{ cost_of('running.total_after', 'applied') }} - {{ cost_of('running.total_before', 'applied') }}) as cost,
        if(
            terms.list_price_id = '',
            cost,
            {{ cost_of('running.total_after', 'list') }} - {{ cost_of('running.total_before', 'list') }}
        ) as list_cost,
        terms.payable as payable
    from running
    left any join terms
        on running.account_id = terms.account_id and running.sku_id = terms.sku_id and running.hour_at = terms.hour_at
    left any join prices as applied on terms.price_id = applied.price_id
    left any join prices as list on terms.list_price_id = list.price_id
)

select
    priced.account_id as account_id,
    priced.project_id as project_id,
    priced.resource_id as resource_id,
    priced.region as region,
    priced.sku_id as sku_id,
    priced.service as service,
    priced.hour_at as hour_at,
    'usage' as charge_type,
    multiIf(priced.currency_code = '', 'unknown_account', priced.price_id = '', 'no_price', '') as reason_code,
    priced.price_id as price_id,
    priced.discount_id as discount_id,
    priced.currency_code as currency_code,
    priced.metric as metric,
    priced.quantity as quantity,
    priced.unit as unit,
    toDecimal256(priced.list_cost, 32) as list_amount_unrounded,
    priced.cost * priced.payable as amount_unrounded,
    priced.labels_hash as labels_hash
from priced
where priced._guard = 0
{% if has_commitments %}
union all

select
    split.account_id as account_id,
    split.project_id as project_id,
    split.resource_id as resource_id,
    split.region as region,
    split.sku_id as sku_id,
    services.service as service,
    split.hour_at as hour_at,
    split.charge_type as charge_type,
    '' as reason_code,
    split.commitment_id as price_id,
    '' as discount_id,
    commitments.currency_code as currency_code,
    split.metric as metric,
    split.quantity as quantity,
    split.unit as unit,
    toDecimal256(split.quantity * toDecimal256(commitments.unit_price, 12), 32) as list_amount_unrounded,
    list_amount_unrounded as amount_unrounded,
    split.labels_hash as labels_hash
from (select * from {{ ref('int_split_hourly') }} where charge_type != 'usage') as split
inner join {{ inlined('stg_catalog__commitments') }} as commitments on split.commitment_id = commitments.commitment_id
left any join services on split.sku_id = services.sku_id
{% endif %}
