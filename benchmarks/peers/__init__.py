"""What a user would pick instead, on the same files: each peer in a venv of its own, pinned in <peer>.txt beside its program.

The programs `<peer>_peer.py` run with the peer's Python and know nothing of ours: they get folders as arguments, and print
one JSON object of seconds by step and of counts. Nothing here is imported by them, and they are imported by nobody.
"""
