"""A stand-in of Messenger: a page, its webhook, and the part of the Graph API that bots call."""
