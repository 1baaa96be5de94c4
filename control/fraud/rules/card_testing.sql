-- rule: card_testing
-- version: 1
-- field: card
-- runs_on: control
-- needs: card_attempts
-- parameter window_hours count: how far back attempts are looked at
-- parameter min_declined count: declined attempts from which it is a finding
-- parameter score_each count: score of each declined attempt, up to 100
--
-- One account tries cards until one is taken: somebody finds out which of many stolen numbers work.
SELECT
    account_id,
    CASE WHEN count(*) * :score_each < 100 THEN count(*) * :score_each ELSE 100 END AS score,
    count(*) || ' cards were declined within ' || :window_hours || ' hours' AS reason,
    max(tried_at) AS evidence,
    count(*) AS declined,
    count(DISTINCT fingerprint) AS fingerprints,
    min(tried_at) AS first_tried_at
FROM card_attempts
WHERE outcome = 'declined' AND tried_at > :window_start AND tried_at <= :as_of
GROUP BY account_id
HAVING count(*) >= :min_declined
