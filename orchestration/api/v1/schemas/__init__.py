"""What the public API takes and shows, one file a resource. Names are the column names of the public tables."""
