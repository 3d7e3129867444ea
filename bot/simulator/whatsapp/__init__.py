"""A stand-in of WhatsApp: a number, its webhook, and the part of the Cloud API that bots call."""
