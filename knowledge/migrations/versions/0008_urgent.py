"""Which events and messages are of an emergency, so that they wait behind nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
ORDER = {"inbox_event": "said_at", "outbox_message": "next_at"}


def upgrade() -> None:
    """Bring the database to this shape."""
    op.add_column("inbox_event", sa.Column("is_urgent", sa.Boolean()))
    op.add_column(
        "outbox_message",
        sa.Column("is_urgent", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for table, order in ORDER.items():
        op.create_index(f"ix_{table}_state_is_urgent", table, ["state", "is_urgent", order])


def downgrade() -> None:
    """Take it back."""
    for table in ORDER:
        op.drop_index(f"ix_{table}_state_is_urgent", table)
        op.drop_column(table, "is_urgent")
