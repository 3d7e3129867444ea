"""WhatsApp: its webhook, what its events mean, and the calls of its Cloud API."""
