"""Stand-ins of messaging platforms on this machine, to talk to the bot and to test it against.

Each platform is a package: ``messenger``, ``whatsapp``, ``telegram``, and ``webhook``, which plays
an organisation's own app behind the generic webhook. In each of them::

    stand_in           the platform: delivers events, answers the bot's calls, goes wrong on demand
    events (updates)   writes what happens as the platform tells it
    checks             refuses what the platform would refuse
    faults             what can go wrong, by name
    chat               one person, as the terminal needs them
    conformance        what a bot must keep to, point by point
    command            its part of ``python -m bot simulate``

``meta`` is what Messenger and WhatsApp share: signed webhooks and the Graph API. The modules here
know no platform: ``stand_in`` with ``server``, ``delivery``, ``misbehaviour``, ``rate`` and
``made_up`` below it; ``transcript`` keeps what was said; ``chat`` and ``terminal`` let a person
talk; ``conformance`` examines a bot; ``shared_command`` is the frame of the commands.
"""
