"""Documents for people and accountants: what stands on one (content), as PDF pages (pdf) and as an e-invoice (EN 16931).

Everything here is a pure function of a `Document`; which rows make one is the business of services/documents.py.
"""
