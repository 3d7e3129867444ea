"""The live answers as pages that need no script, and as data for search engines (schema.org)."""
