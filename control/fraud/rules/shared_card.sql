-- rule: shared_card
-- version: 1
-- field: identity
-- runs_on: control
-- needs: payment_methods, credits
-- parameter window_days count: how far back cards are looked at
-- parameter min_accounts count: trials on one card from which it is a finding
-- parameter score_each count: score of each trial on the card, up to 100
--
-- One card stands behind several trials: somebody takes the credit again and again. A card that was removed since counts too.
WITH trials AS (
    SELECT DISTINCT methods.fingerprint AS fingerprint, methods.account_id AS account_id
    FROM payment_methods AS methods
    JOIN credits ON credits.credit_id = 'trial-' || methods.account_id
    WHERE
        methods.fingerprint != ''
        AND methods.saved_at > :window_start
        AND methods.saved_at <= :as_of
        AND credits.valid_from <= :as_of
),

shared AS (
    SELECT fingerprint, count(*) AS accounts
    FROM trials
    GROUP BY fingerprint
    HAVING count(*) >= :min_accounts
)

SELECT
    trials.account_id AS account_id,
    CASE WHEN max(shared.accounts) * :score_each < 100 THEN max(shared.accounts) * :score_each ELSE 100 END AS score,
    'one card stands behind ' || max(shared.accounts) || ' trials' AS reason,
    max(shared.fingerprint) || '/' || max(shared.accounts) AS evidence,
    max(shared.accounts) AS accounts,
    max(shared.fingerprint) AS fingerprint
FROM trials
JOIN shared ON shared.fingerprint = trials.fingerprint
GROUP BY trials.account_id
