-- rule: mining_usage
-- version: 1
-- field: usage
-- runs_on: warehouse
-- needs: rating.charges_daily, raw.control_account_changes
-- parameter max_age_days count: accounts older than this are not looked at
-- parameter window_days count: whole days that are compared
-- parameter services texts: services that compute, in small letters
-- parameter min_share share: part of the spend that is compute
-- parameter max_variation share: most that the days may differ, of the dearest
-- parameter min_amount amounts: accounts whose cheapest day costs less are not looked at
-- parameter score count: score of a finding
--
-- A young account computes day and night at one level and keeps or moves no data: the shape of coins being mined.
WITH
young AS (
    SELECT account_id
    FROM ${raw}.control_account_changes FINAL
    WHERE number = 1 AND changed_at > {max_age_start:DateTime64(3, 'UTC')} AND changed_at <= {as_of:DateTime64(3, 'UTC')}
),

days AS (
    SELECT
        account_id,
        charge_date,
        any(currency_code) AS currency_code,
        sum(amount_unrounded) AS day_amount,
        sumIf(amount_unrounded, lower(service) IN {services:Array(String)}) AS compute_amount
    FROM ${rating}.charges_daily
    WHERE
        charge_date >= toDate({window_start:DateTime64(3, 'UTC')})
        AND charge_date < toDate({as_of:DateTime64(3, 'UTC')})
        AND account_id IN (SELECT account_id FROM young)
    GROUP BY account_id, charge_date
),

accounts AS (
    SELECT
        account_id,
        any(currency_code) AS currency_code,
        count() AS day_count,
        min(day_amount) AS cheapest_amount,
        max(day_amount) AS dearest_amount,
        toFloat64(sum(compute_amount)) / toFloat64(sum(day_amount)) AS compute_share
    FROM days
    GROUP BY account_id
    HAVING min(day_amount) > 0
)

SELECT
    account_id,
    {score:Int64} AS score,
    concat(toString(day_count), ' days of nothing but compute, at one level') AS reason,
    'steady compute' AS evidence,
    toInt64(day_count) AS days,
    toString(round(accounts.cheapest_amount, 4)) AS cheapest_amount,
    toString(round(accounts.dearest_amount, 4)) AS dearest_amount,
    currency_code,
    toString(round(accounts.compute_share, 4)) AS compute_share
FROM accounts
WHERE
    day_count >= {window_days:Int64}
    AND accounts.compute_share >= {min_share:Float64}
    AND toFloat64(accounts.dearest_amount - accounts.cheapest_amount) / toFloat64(accounts.dearest_amount) <= {max_variation:Float64}
    AND accounts.cheapest_amount
    >= {min_amount_amounts:Array(Decimal(38, 4))}[indexOf({min_amount_currencies:Array(String)}, currency_code) + 1]
