"""Stand-ins of messaging platforms on this machine, to talk to the bot and to test it against.

``transcript``, ``misbehaviour``, ``delivery``, ``graph`` and ``terminal`` know no platform; a
platform is its stand-in (``messenger``) beside them.
"""
