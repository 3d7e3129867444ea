"""``python -m bot doctor``: is a messaging platform set up as it should be, and if not, what to do.

``findings`` and ``common`` know no platform; a platform is its checks (``messenger``) and its
command (``messenger_command``) beside them.
"""
