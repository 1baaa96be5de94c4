-- Every price as the same piecewise linear function: a segment k covers (lows[k], lows[k + 1]] units of the month's
-- running total and costs bases[k] + (x - lows[k]) * slopes[k]. Packages are steps and keep their size instead.
-- Grain: one row per price_id.
{{ config(materialized='view') }}

with tiers as (
    select
        price_id,
        tier,
        unit_price,
        flat_fee,
        lagInFrame(up_to, 1, toDecimal256(0, 12)) over (
            partition by price_id order by tier asc rows between unbounded preceding and unbounded following
        ) as low,
        up_to,
        is_last
    from {{ ref('stg_catalog__price_tiers') }}
),

graduated as (
    select
        price_id,
        tier,
        low,
        toDecimal256(unit_price, 12) as slope,
        -- Cost at the foot of the tier: the tiers before it in full, and every fee up to its own.
        toDecimal256(coalesce(sum(if(is_last, toDecimal256(0, 12), up_to - low) * toDecimal256(unit_price, 12)) over (
            partition by price_id order by tier asc rows between unbounded preceding and 1 preceding
        ), 0), 24)
        + toDecimal256(sum(toDecimal256(flat_fee, 12)) over (
            partition by price_id order by tier asc rows between unbounded preceding and current row
        ), 24) as graduated_base,
        -- All units pay the price of the tier that the total falls in.
        toDecimal256(flat_fee, 24) + low * toDecimal256(unit_price, 12) as volume_base
    from tiers
),

segments as (
    select
        price_id,
        arraySort(groupArray((low, graduated_base, volume_base, slope))) as parts
    from graduated
    group by price_id
)

select
    prices.price_id as price_id,
    prices.sku_id as sku_id,
    prices.account_id as account_id,
    prices.currency_code as currency_code,
    prices.model as model,
    prices.unit_price as unit_price,
    prices.package_size as package_size,
    if(empty(segments.parts), [toDecimal256(0, 12)], arrayMap(part -> part.1, segments.parts)) as lows,
    if(
        empty(segments.parts),
        [toDecimal256(0, 24)],
        arrayMap(part -> if(prices.model = 'volume', part.3, part.2), segments.parts)
    ) as bases,
    if(empty(segments.parts), [toDecimal256(prices.unit_price, 12)], arrayMap(part -> part.4, segments.parts)) as slopes,
    prices.valid_from as valid_from,
    prices.valid_to as valid_to
from {{ ref('stg_catalog__prices') }} as prices
left any join segments on prices.price_id = segments.price_id
