"""Who works on an event or sends a message, so that what a dead process had is free at once."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database to this shape."""
    for table in ("inbox_event", "outbox_message"):
        op.add_column(table, sa.Column("claimed_by", sa.String(length=32), nullable=True))


def downgrade() -> None:
    """Take it back."""
    for table in ("inbox_event", "outbox_message"):
        op.drop_column(table, "claimed_by")
