"""The HTTP door: takes events from producers and answers once they are on disk. Loading them is sources/spool.py's."""
