"""The content API: what programs of the content team read and bring, with a key of a person."""
