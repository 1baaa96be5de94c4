-- rule: prepaid_on_trial
-- version: 1
-- field: card
-- runs_on: control
-- needs: payment_methods, credits
-- parameter window_days count: trials that began longer ago are not looked at
-- parameter score count: score of a finding
--
-- The card behind a trial is prepaid: nothing can be collected once the credit is used up.
SELECT
    methods.account_id AS account_id,
    :score AS score,
    'the card behind its trial is prepaid' AS reason,
    min(methods.payment_method_id) AS evidence,
    count(*) AS prepaid_cards,
    min(methods.brand) AS brand
FROM payment_methods AS methods
JOIN credits ON credits.credit_id = 'trial-' || methods.account_id
WHERE
    methods.funding = 'prepaid'
    AND methods.saved_at <= :as_of
    AND credits.valid_from > :window_start
    AND credits.valid_from <= :as_of
GROUP BY methods.account_id
