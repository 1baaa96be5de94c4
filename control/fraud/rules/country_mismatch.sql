-- rule: country_mismatch
-- version: 1
-- field: card
-- runs_on: control
-- needs: payment_methods, accounts, account_changes
-- parameter max_age_days count: accounts older than this are not looked at
-- parameter score count: score of a finding
--
-- No card of a young account was issued where the account says it is. Cards whose country the gateway does not tell say nothing.
-- Where the customer's computer stands is not known here, and not looked at.
SELECT
    methods.account_id AS account_id,
    :score AS score,
    'its card is from ' || min(methods.country_code) || ', the account from ' || min(accounts.country_code) AS reason,
    min(methods.country_code) || '/' || min(accounts.country_code) AS evidence,
    min(methods.country_code) AS card_country,
    min(accounts.country_code) AS account_country
FROM payment_methods AS methods
JOIN accounts ON accounts.account_id = methods.account_id
JOIN account_changes AS registered ON registered.account_id = methods.account_id AND registered.number = 1
WHERE
    methods.country_code != ''
    AND methods.saved_at <= :as_of
    AND registered.changed_at > :max_age_start
    AND registered.changed_at <= :as_of
GROUP BY methods.account_id
HAVING sum(CASE WHEN methods.country_code = accounts.country_code THEN 1 ELSE 0 END) = 0
