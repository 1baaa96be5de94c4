-- Attaching a batch to raw.usage_events ends the merges that run there, and their work is lost. So they begin once thirty parts
-- wait, three of each million lines: seldom within a load, and each row is written anew log30(parts) times instead of log5(parts).
-- A tick reads few granules of few hours; some tens of parts more cost it nothing that can be measured.
ALTER TABLE ${raw}.usage_events MODIFY SETTING min_parts_to_merge_at_once = 30;
