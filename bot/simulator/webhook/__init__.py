"""A stand-in of an organisation's own app, behind the generic webhook."""
