"""Which events and messages are of an emergency, so that they wait behind nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
TABLES = ("inbox_event", "outbox_message")


def upgrade() -> None:
    """Bring the database to this shape."""
    waiting = sa.text("is_urgent AND state = 'waiting'")
    for table in TABLES:
        column: sa.Column[bool] = sa.Column(
            "is_urgent", sa.Boolean(), nullable=False, server_default=sa.false()
        )
        op.add_column(table, column)
        op.create_index(
            f"ix_{table}_urgent",
            table,
            ["id"],
            sqlite_where=waiting,
            postgresql_where=waiting,
        )


def downgrade() -> None:
    """Take it back."""
    for table in TABLES:
        op.drop_index(f"ix_{table}_urgent", table)
        op.drop_column(table, "is_urgent")
