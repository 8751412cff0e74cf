"""Border barriers are common weights times recorded attributes of a pair, never a constant for one pair."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from greaterbay.parameters import Parameters, table
from greaterbay.region import load_region
from greaterbay.region.barriers import ATTRIBUTES, KINDS, pair_barriers, place_jurisdiction

P = Parameters()
RECORDED = {
    "customs": "customs_pair",
    "capital": "capital_account_pair",
    "legal": "legal_pair",
    "tax": "tax_pair",
    "language": "language_pair",
    "recognition": "recognition_pair",
    "policy": "legal_pair",
}


@pytest.fixture(scope="module")
def region():
    return load_region("gba")


@pytest.fixture(scope="module")
def no_zones(region):
    return replace(region, zones=())


def weights(**values):
    """All weights zero but these."""
    return Parameters(
        {key: 0.0 for key in table() if key.startswith("border.")}
        | {f"border.{key}": value for key, value in values.items()}
    )


def test_every_barrier_has_every_attribute_as_a_parameter():
    names = {key.removeprefix("border.") for key in table() if key.startswith("border.")}
    assert names == {f"{kind}_{name}" for kind in KINDS for name in ATTRIBUTES}


@pytest.mark.parametrize("kind", KINDS)
def test_zero_inside_a_jurisdiction_symmetric_and_finite(region, kind):
    matrix, at = getattr(pair_barriers(region, P), kind), place_jurisdiction(region)
    assert matrix.shape == (13, 13) and np.isfinite(matrix).all()
    assert (matrix == matrix.T).all()
    assert (matrix[at[:, None] == at[None, :]] == 0.0).all()
    assert (matrix[:11, :11][at[:11, None] != at[None, :11]] > 0.0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_barrier_is_the_weighted_sum_of_its_attributes(no_zones, kind):
    at = place_jurisdiction(no_zones)
    total = sum(
        getattr(P.border, f"{kind}_{name}") * getattr(no_zones, RECORDED[name]) for name in ATTRIBUTES
    )
    assert getattr(pair_barriers(no_zones, P), kind) == pytest.approx(total[np.ix_(at, at)])


def test_without_weights_no_barrier(region):
    assert all((matrix == 0.0).all() for matrix in pair_barriers(region, weights()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_weight_moves_its_own_barrier_alone(no_zones, kind, name):
    found = pair_barriers(no_zones, weights(**{f"{kind}_{name}": 1.0}))
    at = place_jurisdiction(no_zones)
    assert getattr(found, kind) == pytest.approx(getattr(no_zones, RECORDED[name])[np.ix_(at, at)])
    assert all((getattr(found, other) == 0.0).all() for other in KINDS if other != kind)


@pytest.mark.parametrize("kind", KINDS)
def test_zones_relieve_their_named_pairs_and_no_others(region, no_zones, kind):
    plain, with_zones = (getattr(pair_barriers(r, P), kind) for r in (no_zones, region))
    relief = np.ones((13, 13))
    for zone in region.zones:
        a = region.city_ids.index(zone["city"])
        for partner in zone["partners"]:
            b = region.city_ids.index(partner)
            relief[a, b] *= 1.0 - zone[f"relief_{kind}"]
            relief[b, a] *= 1.0 - zone[f"relief_{kind}"]
    assert with_zones == pytest.approx(plain * relief)
    assert (
        relief < 1.0
    ).sum() == 8  # Shenzhen and Guangzhou with Hong Kong, Guangzhou and Zhuhai with Macao, both ways
    at = place_jurisdiction(region)
    for j, k in combinations(range(5), 2):
        pairs = np.ix_(at == j, at == k)
        assert (
            np.unique(np.round(plain[pairs], 12)).size <= 1
        )  # one number for all pairs of two jurisdictions


def test_pairs_of_jurisdictions_with_equal_attributes_have_equal_barriers(no_zones):
    """Give Hong Kong and Macao the same attributes towards Guangdong: nothing else may tell them apart."""
    changed = {}
    for name in set(RECORDED.values()):
        matrix = getattr(no_zones, name).copy()
        matrix[0, 2] = matrix[2, 0] = matrix[0, 1]
        changed[name] = matrix
    twins = pair_barriers(replace(no_zones, **changed), P)
    for matrix in twins:
        assert (matrix[:9, 9] == matrix[:9, 10]).all()


@pytest.mark.parametrize("name", sorted(set(RECORDED.values())))
def test_an_attribute_table_moves_all_pairs_that_share_it(no_zones, name):
    at = place_jurisdiction(no_zones)
    shared = getattr(no_zones, name)[np.ix_(at, at)] > 0
    without = replace(no_zones, **{name: np.zeros_like(getattr(no_zones, name))})
    for kind in KINDS:
        weight = sum(getattr(P.border, f"{kind}_{a}") for a in ATTRIBUTES if RECORDED[a] == name)
        fall = getattr(pair_barriers(no_zones, P), kind) - getattr(pair_barriers(without, P), kind)
        assert fall == pytest.approx(weight * getattr(no_zones, name)[np.ix_(at, at)])
        assert (fall[~shared] == 0.0).all() and (weight == 0.0 or (fall[shared] > 0.0).all())


def test_policy_relief_removes_the_policy_part_alone(no_zones):
    at = place_jurisdiction(no_zones)
    plain, half, whole = (pair_barriers(no_zones, P, relief) for relief in (0.0, 0.5, 1.0))
    part = P.border.technology_policy * no_zones.legal_pair[np.ix_(at, at)]
    assert plain.technology - half.technology == pytest.approx(0.5 * part)
    assert plain.technology - whole.technology == pytest.approx(part) and part.max() > 0
    without_policy = pair_barriers(no_zones, Parameters({"border.technology_policy": 0.0}))
    assert whole.technology == pytest.approx(without_policy.technology)
    assert (plain.talent == whole.talent).all() and (plain.finance == whole.finance).all()


def test_the_documents_magnitudes(region):
    """Sums are of the size of the trial's barrier, about 0.6 between Guangdong and the SARs."""
    for matrix in pair_barriers(region, P):
        across = matrix[:9, 9:11]
        assert 0.3 < across.min() and across.max() < 1.0
