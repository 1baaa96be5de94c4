-- rule: spend_spike
-- version: 1
-- field: usage
-- runs_on: warehouse
-- needs: rating.charges_daily
-- parameter history_days count: days that say what is usual
-- parameter min_days count: days with charges that it takes to know what is usual
-- parameter min_ratio number: times the usual day from which it is a finding
-- parameter score_per_ratio count: score of each time the usual day, up to 100
-- parameter min_amount amounts: days that cost less are not looked at
--
-- The last whole day cost many times what a day usually does: somebody else may use the account. Usual is the median, so that
-- one dear day does not hide the next.
WITH
days AS (
    SELECT account_id, charge_date, any(currency_code) AS currency_code, sum(amount_unrounded) AS day_amount
    FROM ${rating}.charges_daily
    WHERE charge_date >= toDate({history_start:DateTime64(3, 'UTC')}) AND charge_date < toDate({as_of:DateTime64(3, 'UTC')})
    GROUP BY account_id, charge_date
),

accounts AS (
    SELECT
        account_id,
        any(currency_code) AS currency_code,
        sumIf(day_amount, charge_date = toDate({as_of:DateTime64(3, 'UTC')}) - 1) AS last_amount,
        countIf(charge_date < toDate({as_of:DateTime64(3, 'UTC')}) - 1) AS days_before,
        quantileExactIf(0.5)(day_amount, charge_date < toDate({as_of:DateTime64(3, 'UTC')}) - 1) AS usual_amount
    FROM days
    GROUP BY account_id
),

compared AS (
    SELECT *, toFloat64(last_amount) / toFloat64(usual_amount) AS ratio
    FROM accounts
    WHERE days_before >= {min_days:Int64} AND usual_amount > 0
)

SELECT
    account_id,
    toInt64(least(100, ratio * {score_per_ratio:Int64})) AS score,
    concat('a day cost ', toString(round(ratio, 1)), ' times the usual one') AS reason,
    toString(toYYYYMM(toDate({as_of:DateTime64(3, 'UTC')}) - 1)) AS evidence,
    toString(round(compared.last_amount, 4)) AS last_amount,
    toString(round(compared.usual_amount, 4)) AS usual_amount,
    currency_code,
    toInt64(compared.days_before) AS days_before
FROM compared
WHERE
    ratio >= {min_ratio:Float64}
    AND compared.last_amount
    >= {min_amount_amounts:Array(Decimal(38, 4))}[indexOf({min_amount_currencies:Array(String)}, currency_code) + 1]
