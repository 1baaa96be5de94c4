"""A deployment with two customers behind the public API, in this process, and clients of it."""
