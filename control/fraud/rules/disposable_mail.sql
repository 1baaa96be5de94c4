-- rule: disposable_mail
-- version: 1
-- field: identity
-- runs_on: warehouse
-- needs: raw.control_accounts, raw.control_account_changes, disposable_domains
-- parameter max_age_days count: accounts older than this are not looked at
-- parameter score count: score of a finding
--
-- A young account is reached under an address that anybody can have for ten minutes.
WITH
young AS (
    SELECT account_id, changed_at AS registered_at
    FROM ${raw}.control_account_changes FINAL
    WHERE number = 1 AND changed_at > {max_age_start:DateTime64(3, 'UTC')} AND changed_at <= {as_of:DateTime64(3, 'UTC')}
),

addressed AS (
    SELECT account_id, lower(splitByChar('@', email)[-1]) AS domain
    FROM ${raw}.control_accounts FINAL
    WHERE email != ''
)

SELECT
    addressed.account_id AS account_id,
    {score:Int64} AS score,
    concat('its address is at ', addressed.domain, ', which gives disposable ones') AS reason,
    addressed.domain AS evidence,
    addressed.domain AS domain
FROM addressed
INNER JOIN young ON young.account_id = addressed.account_id
WHERE
    addressed.domain IN (SELECT domain FROM disposable_domains)
    OR cutToFirstSignificantSubdomain(addressed.domain) IN (SELECT domain FROM disposable_domains)
