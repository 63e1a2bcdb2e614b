"""What a statement changed, counted as Neo4j counts it."""

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Counters:
    """What was made, set and taken away; setting a property to what it is counts too."""

    nodes_created: int = 0
    nodes_deleted: int = 0
    relationships_created: int = 0
    relationships_deleted: int = 0
    properties_set: int = 0
    labels_added: int = 0
    labels_removed: int = 0
    indexes_added: int = 0
    indexes_removed: int = 0
    constraints_added: int = 0
    constraints_removed: int = 0

    @property
    def any(self) -> bool:
        """Whether anything was changed."""
        return any(asdict(self).values())
