"""Tests of WhatsApp: its webhook, its Cloud API, and both with the stand-in in between."""
