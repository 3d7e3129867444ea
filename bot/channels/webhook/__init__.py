"""The generic webhook, for any other platform or an organisation's own app; docs/webhook.md."""
