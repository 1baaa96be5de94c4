"""The one web server: ingestion's door for events, with control's API keys, in one ASGI application."""

HEALTH_PATH = "/healthz"
