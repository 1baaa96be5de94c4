"""The public API, version 1: one router a resource, all behind one gate (gate.py).

A route says which scope it needs and calls one function of control/ or of the warehouse's reader; who may, how often, the
idempotency key and the audit log are the gate's. What a route shows and takes is in schemas/. To add one, add it to a
router here, and `make` nothing else: the document, its page and the tests of refusals follow from it.
"""
