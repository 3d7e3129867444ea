"""Telegram: its webhook, what its updates mean, and the calls of its Bot API."""
