"""Set-up and start: the two environments, and the four processes under one supervisor."""
