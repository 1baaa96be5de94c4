"""The antifraud's rules and their policy. What a decision does to an account is said in control/services/fraud.py."""
