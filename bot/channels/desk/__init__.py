"""The desk at which people of the team talk to patients: what it is told, what it tells."""
