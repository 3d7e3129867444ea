"""What qualifies a reviewer, who they are elsewhere, and the language of grouped questions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database to this shape."""
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("credentials", sa.String(length=120), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("sso_subject", sa.String(length=400), nullable=True))
        batch_op.create_unique_constraint("uq_person_sso_subject", ["sso_subject"])
    with op.batch_alter_table("question_group", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("locale", sa.String(length=10), server_default="en", nullable=False)
        )


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("question_group", schema=None) as batch_op:
        batch_op.drop_column("locale")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_constraint("uq_person_sso_subject", type_="unique")
        batch_op.drop_column("sso_subject")
        batch_op.drop_column("credentials")
