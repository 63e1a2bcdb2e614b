"""Alembic's environment: kgmem.store.db.alembic_run hands in the connection and its transaction."""

from typing import Any

from alembic import context

attributes = context.config.attributes


def _report(*, step: Any, **_: Any) -> None:
    if report := attributes.get("report"):
        revision = (
            step.up_revision_id if step.is_upgrade else step.down_revision_ids[0] if step.down_revision_ids else "base"
        )
        report(f"{'up to' if step.is_upgrade else 'down to'} {revision}")


context.configure(connection=attributes["connection"], version_table_schema="kgmem", on_version_apply=_report)
with context.begin_transaction():
    context.run_migrations()
