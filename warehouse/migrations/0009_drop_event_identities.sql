-- Its rows are in raw.identities, by 0007.
DROP TABLE IF EXISTS ${raw}.event_identities SYNC;
