"""``python -m bot doctor``: is a messaging platform set up as it should be, and if not, what to do.

``findings``, ``common``, ``address``, ``store`` and ``platform`` know no platform; ``meta`` knows
what Messenger and WhatsApp share. A platform is its checks (``messenger``) and its command
(``messenger_command``) beside them.
"""
