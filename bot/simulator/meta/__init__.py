"""What the stand-ins of Messenger and WhatsApp share: Meta's webhooks and its Graph API."""
