"""A stand-in of Telegram: a bot, its webhook, and the part of the Bot API that bots call."""
