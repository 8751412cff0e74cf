"""Phase 1: dated changes of the world that a scenario names."""

from __future__ import annotations


def apply_events(bay) -> None:
    """Events that take effect this quarter: travel times between places, in both directions."""
    if bay.warming:
        return
    for event in bay.scenario.events:
        if event.quarter == bay.quarter and event.kind == "travel_minutes":
            minutes = bay.values.travel_now.copy()
            for one, two, value in event.rows:
                a, b = bay.region.place_ids.index(one), bay.region.place_ids.index(two)
                minutes[a, b] = minutes[b, a] = value
            bay.values.travel_now = minutes
