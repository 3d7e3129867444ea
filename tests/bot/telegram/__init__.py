"""Tests of Telegram: its webhook, its calls, and both together with the stand-in."""
