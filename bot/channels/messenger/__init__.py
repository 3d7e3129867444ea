"""Messenger: its webhook, what its events mean, and its Send API."""
