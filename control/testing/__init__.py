"""Test doubles of outside systems that the product ships: `meterhouse demo` runs against them, and so do the tests.

Nothing here may be reached from production code; a double is configured by its URL, like the real system.
"""
