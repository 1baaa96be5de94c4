-- rule: card_velocity
-- version: 1
-- field: card
-- runs_on: control
-- needs: card_attempts, account_changes
-- parameter window_days count: how far back cards are looked at
-- parameter min_cards count: different cards from which it is a finding
-- parameter max_age_days count: accounts older than this are not looked at
-- parameter score_each count: score of each card, up to 100
--
-- A young account binds many different cards in a short time.
SELECT
    attempts.account_id AS account_id,
    CASE
        WHEN count(DISTINCT attempts.fingerprint) * :score_each < 100 THEN count(DISTINCT attempts.fingerprint) * :score_each ELSE 100
    END AS score,
    count(DISTINCT attempts.fingerprint) || ' different cards within ' || :window_days || ' days' AS reason,
    max(attempts.tried_at) AS evidence,
    count(DISTINCT attempts.fingerprint) AS cards,
    count(*) AS attempts
FROM card_attempts AS attempts
JOIN account_changes AS registered ON registered.account_id = attempts.account_id AND registered.number = 1
WHERE
    attempts.fingerprint != ''
    AND attempts.tried_at > :window_start
    AND attempts.tried_at <= :as_of
    AND registered.changed_at > :max_age_start
GROUP BY attempts.account_id
HAVING count(DISTINCT attempts.fingerprint) >= :min_cards
