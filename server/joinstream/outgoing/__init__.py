"""Requests that the server makes of others: webhooks.

- `guarded`: an HTTP client that goes only where a policy lets it, redirects included.
- `webhooks`: one delivery, signed.
"""
