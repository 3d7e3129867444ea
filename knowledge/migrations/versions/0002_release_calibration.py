"""Keep with each release how sure to be of its answers."""

import sqlalchemy as sa
from alembic import op

import knowledge.schema

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database to this shape."""
    op.create_table(
        "release_calibration",
        sa.Column("release_id", sa.Integer(), sa.ForeignKey("release.id"), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("made_at", knowledge.schema.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("release_id", "model"),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("release_calibration")
