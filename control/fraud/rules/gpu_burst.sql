-- rule: gpu_burst
-- version: 1
-- field: usage
-- runs_on: warehouse
-- needs: rating.charges_hourly, raw.control_account_changes, raw.catalog_skus
-- parameter max_age_days count: accounts older than this are not looked at
-- parameter window_hours count: how far back usage is looked at
-- parameter metric_prefix text: metrics that begin so are GPUs, counted in hours
-- parameter min_gpu_hours count: GPU hours from which it is a finding
-- parameter score_at_min count: score at that many hours; it grows in proportion, up to 100
--
-- An account of a few days uses GPUs by the dozen. Ten times as much is new evidence.
WITH
young AS (
    SELECT account_id, changed_at AS registered_at
    FROM ${raw}.control_account_changes FINAL
    WHERE number = 1 AND changed_at > {max_age_start:DateTime64(3, 'UTC')} AND changed_at <= {as_of:DateTime64(3, 'UTC')}
),

gpus AS (
    SELECT sku_id
    FROM ${raw}.catalog_skus
    WHERE
        catalog_version = (SELECT max(catalog_version) FROM ${raw}.catalog_versions)
        AND startsWith(metric, {metric_prefix:String})
),

used AS (
    SELECT account_id, toFloat64(sum(quantity)) AS gpu_hours, uniqExact(resource_id) AS resources
    FROM ${rating}.charges_hourly
    WHERE
        hour_at >= {window_start:DateTime64(3, 'UTC')}
        AND hour_at < {as_of:DateTime64(3, 'UTC')}
        AND charge_type != 'commitment_unused'
        AND sku_id IN (SELECT sku_id FROM gpus)
        AND account_id IN (SELECT account_id FROM young)
    GROUP BY account_id
)

SELECT
    account_id,
    toInt64(least(100, used.gpu_hours / {min_gpu_hours:Int64} * {score_at_min:Int64})) AS score,
    concat(toString(round(used.gpu_hours)), ' GPU hours in its first days') AS reason,
    concat('times 10^', toString(toInt64(floor(log10(used.gpu_hours / {min_gpu_hours:Int64}))))) AS evidence,
    toString(round(used.gpu_hours, 3)) AS gpu_hours,
    toInt64(used.resources) AS resources,
    young.registered_at AS registered_at
FROM used
INNER JOIN young ON young.account_id = used.account_id
WHERE used.gpu_hours >= {min_gpu_hours:Int64}
