"""Alliances: who belongs to them, and where a search meets their members.

Memberships are bits of ``alliances`` of firms and institutes; the members of each alliance stand at hashed places.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.firm import LEADER
from greaterbay.actors.network import kind_of_node


def scopes(region) -> list[tuple[np.ndarray, np.ndarray]]:
    """Fields (F,) and cities (C,) from which each alliance takes its members."""
    return [
        (np.isin(np.arange(len(region.field_ids)), [region.field_ids.index(f) for f in alliance["fields"]]),
         np.isin(region.jurisdiction_city, [region.jurisdiction_ids.index(j) for j in alliance["jurisdictions"]]))
        for alliance in region.alliances]


def join_alliances(bay, table, rows: np.ndarray, field: np.ndarray) -> None:
    """Memberships by identity: a share of the actors of an alliance's fields and jurisdictions."""
    share, city, ids = bay.parameters.partnering.alliance_members, table.city[rows], table.id[rows]
    for k, (fields, where) in enumerate(bay.world.alliance_scope):
        member = fields[field] & where[city] & (bay.streams.uniforms("member", 0, ids, k) < share)
        table.alliances[rows[member]] |= np.uint32(1 << k)


def _listed_members(bay) -> list[tuple[np.ndarray, np.ndarray]]:
    """Nodes and identities that an alliance lists: of those who are never thinned only the share that the scale leaves of others."""
    bits = np.concatenate((bay.institutes.alliances, bay.firms.alliances))
    nodes = np.flatnonzero(bits)
    ids = np.concatenate((bay.institutes.id, bay.firms.id))[nodes]
    thinned = kind_of_node(bay, nodes) < LEADER
    listed = thinned | (bay.streams.uniforms("member", bay.quarter, ids, 50) < bay.scale)
    nodes, ids, bits = nodes[listed], ids[listed], bits[nodes[listed]]
    mine = [(bits & np.uint32(1 << k)) > 0 for k in range(len(bay.region.alliances))]
    return [(nodes[these], ids[these]) for these in mine]


def list_members(bay) -> None:
    """Members of every alliance at hashed places (alliance, place) -> node."""
    network, count, members = bay.network, len(bay.region.alliances), _listed_members(bay)
    # twice as many places as members at the start, so that a search meets a member about every third time
    if network.alliance_places == 0:
        network.alliance_places = max(16, 2 * max((nodes.size for nodes, _ in members), default=0))
    network.alliance_member = np.full((max(count, 1), network.alliance_places), -1, np.int64)
    network.alliance_count = np.zeros(max(count, 1), np.int64)
    for k, (nodes, ids) in enumerate(members):
        network.alliance_count[k] = nodes.size
        network.alliance_member[k, (ids % np.uint64(network.alliance_places)).astype(int)] = nodes
