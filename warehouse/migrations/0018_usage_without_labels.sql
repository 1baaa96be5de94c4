-- Usage carries the hash of its labels alone, label_sets what it stands for: merging maps took more than all other columns.
-- Parts older than the hash are given it first. Without its default nothing needs the labels any more.
ALTER TABLE ${raw}.usage_events UPDATE labels_hash = labels_hash WHERE true SETTINGS mutations_sync = 2;

ALTER TABLE ${raw}.usage_events
MODIFY COLUMN labels_hash UInt128 DEFAULT 0 COMMENT 'key of label_sets';

ALTER TABLE ${raw}.usage_events
DROP COLUMN IF EXISTS labels;
