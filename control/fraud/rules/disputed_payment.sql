-- rule: disputed_payment
-- version: 1
-- field: payment
-- runs_on: control
-- needs: disputes, invoices
-- parameter window_days count: how far back disputes are looked at
-- parameter score_each count: score of each dispute, up to 100
--
-- Holders say that they never paid: the card behind the account is somebody else's. Disputes that were won, and mere inquiries,
-- say nothing.
SELECT
    invoices.account_id AS account_id,
    CASE WHEN count(*) * :score_each < 100 THEN count(*) * :score_each ELSE 100 END AS score,
    count(*) || ' payments are disputed' AS reason,
    max(disputes.occurred_at) AS evidence,
    count(*) AS disputes,
    min(disputes.reason) AS gateway_reason
FROM disputes
JOIN invoices ON invoices.invoice_id = disputes.invoice_id
WHERE
    disputes.status IN ('open', 'lost')
    AND disputes.occurred_at > :window_start
    AND disputes.occurred_at <= :as_of
GROUP BY invoices.account_id
