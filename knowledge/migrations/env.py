"""Alembic's entry: run the migrations on the connection that the caller hands over."""

from alembic import context

from knowledge.schema import Base

with_connection = context.config.attributes["connection"]
context.configure(connection=with_connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
