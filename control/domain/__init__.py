"""The rules of money and documents as pure values and functions: no store, no gateway, no clock, no settings."""
