"""Phase 6: offers, imports, prices and who is paid."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change, crossing, untie

from greaterbay.actors.invention import MARKET
from greaterbay.exchange import transfer

FLOWS = [
    f"flow_technology_{channel}_{kind}"
    for channel in ("licence", "sale", "joint")
    for kind in ("firm", "institute")
]
NO_IMPORTS = {"transfer.import_utility": -100}


def run(bay, changes=None, cash=None):
    """Phase 6 alone; the flow matrices of the quarter."""
    change(bay, changes or {})
    if cash is not None:
        bay.firms.cash[bay.firms.alive == 1] = cash
    transfer.transfer_technology(bay)
    return {name: bay.tally.arrays[name] for name in (*FLOWS, "flow_technology_import")}


@pytest.fixture
def taken(monkeypatch):
    """What firms took last: ``taken["channel"]`` and ``taken["row"]`` (an invention, or -1) by row."""
    seen, take = {}, transfer._take

    def listening(*arguments):
        take(*arguments)
        seen["channel"], seen["row"] = arguments[-2:]  # arrays that the phase goes on to use

    monkeypatch.setattr(transfer, "_take", listening)
    return seen


def worth(bay):
    """Money of all firms and institutes, million CNY."""
    return float((bay.firms.cash * bay.firms.weight)[bay.firms.alive == 1].sum() + bay.institutes.cash.sum())


def test_all_channels_are_in_use(bay):
    flows = run(bay, {"transfer.need": 1}, cash=1e4)
    assert all(flow.sum() > 0 for flow in flows.values()), {n: f.sum() for n, f in flows.items()}


def test_without_offers_there_is_only_import(bay):
    flows = run(
        bay,
        {
            "transfer.offers": 0,
            "transfer.partner_offers": 0,
            "transfer.platform_offers": 0,
            "transfer.need": 0.5,
        },
    )
    assert flows["flow_technology_import"].sum() > 0
    assert not any(flows[name].any() for name in FLOWS)
    assert not flows["flow_technology_import"][:-1].any()  # imports come from abroad


def test_without_need_nothing_is_transferred(bay):
    before = bay.firms.productivity.copy()
    flows = run(bay, {"transfer.need": 0})
    assert not any(flow.any() for flow in flows.values()) and (bay.firms.productivity == before).all()


def test_nothing_on_the_market_nothing_to_licence(bay):
    t = bay.inventions
    t.clear(np.flatnonzero((t.alive == 1) & (t.stage == MARKET)))
    flows = run(bay, {"transfer.need": 0.5})
    assert not any(flows[name].any() for name in FLOWS) and flows["flow_technology_import"].sum() > 0


def test_imports_need_their_price_and_the_wish(bay):
    flows = run(bay, {"transfer.offers": 0, "transfer.partner_offers": 0, "transfer.need": 1}, cash=0.0)
    assert not any(flow.any() for flow in flows.values())
    flows = run(bay, NO_IMPORTS, cash=1e4)
    assert not any(flow.any() for flow in flows.values())


def test_owners_receive_exactly_what_users_pay(bay):
    before, owner_before = worth(bay), bay.institutes.cash.copy()
    run(bay, {"transfer.need": 1})
    ledger, count = bay.ledger, len(bay.region.city_ids)
    imports = bay.tally.arrays["imports_cost"].sum()
    assert worth(bay) == pytest.approx(before - imports, rel=1e-12)
    assert ledger.flow("import").sum() == pytest.approx(imports)
    # institutes: their receipts are the payments booked to them, by city
    receipts = np.bincount(bay.institutes.city, weights=bay.institutes.cash - owner_before, minlength=count)
    assert receipts == pytest.approx(
        ledger.account("institute")[:count] - booked_before(bay, "institute"), abs=1e-6
    )
    assert receipts.sum() > 0


def booked_before(bay, sector):
    """Account of a sector at release: what its actors held (the books balance there)."""
    return bay.ledger_at_release[sector]


@pytest.fixture
def bay(make_bay):
    """A bay that remembers the institutes' account at release."""
    bay = make_bay()
    bay.ledger_at_release = {"institute": bay.ledger.account("institute")[: len(bay.region.city_ids)].copy()}
    return bay


def test_a_user_pays_the_price_of_what_it_takes(bay, taken):
    """Users pay price * min(4, quality) and receive what others pay them; joint use is free."""
    t, firms, count = bay.inventions, bay.firms, bay.institutes.capacity
    owner, partner, share = t.owner.copy(), t.partner.copy(), t.share.astype(float)
    run(bay, {"transfer.need": 1, **NO_IMPORTS}, cash=1e4)
    users = np.flatnonzero(taken["row"] >= 0)
    row = taken["row"][users]
    due = bay.parameters.transfer.price * np.minimum(4.0, t.quality[row].astype(float))
    joint = taken["channel"][users] == transfer.JOINT
    due[joint] = 0.0
    assert (~joint).sum() > 100 and joint.any()
    income = due * firms.weight[users]
    own = np.where(partner[row] >= 0, share[row], 1.0)
    received = np.zeros(count + firms.capacity)
    np.add.at(received, owner[row], income * own)
    np.add.at(received, partner[row[partner[row] >= 0]], (income * (1.0 - own))[partner[row] >= 0])
    change_of_cash = received[count:] / np.maximum(firms.weight, 1e-12)
    change_of_cash[users] -= due
    alive = firms.alive_rows()
    assert firms.cash[alive] - 1e4 == pytest.approx(change_of_cash[alive], rel=1e-6, abs=1e-5)
    only_users = np.setdiff1d(users, np.flatnonzero(received[count:]))
    assert only_users.size > 100 and (firms.cash[only_users] <= 1e4).all()


def test_who_has_no_money_to_spare_takes_no_licence(bay):
    """Owners receive the price: who cannot pay it takes no licence, not even a partner's."""
    flows = run(bay, {"transfer.need": 1, "transfer.joint_share": 0}, cash=0.0)
    assert not any(flows[name].any() for name in FLOWS if "joint" not in name)


def test_joint_use_between_partners_is_free(bay):
    before = worth(bay)
    flows = run(
        bay,
        {
            "transfer.need": 1,
            "transfer.offers": 0,
            "transfer.platform_offers": 0,
            "transfer.joint_share": 1,
            **NO_IMPORTS,
        },
    )
    assert flows["flow_technology_joint_firm"].sum() + flows["flow_technology_joint_institute"].sum() > 0
    assert not any(flows[name].any() for name in FLOWS if "joint" not in name)
    assert worth(bay) == pytest.approx(before, rel=1e-14) and bay.ledger.flow("licence").sum() == 0


def test_without_partners_there_is_no_joint_use(bay):
    untie(bay)
    flows = run(bay, {"transfer.need": 1})
    assert (
        not flows["flow_technology_joint_firm"].any() and not flows["flow_technology_joint_institute"].any()
    )
    assert flows["flow_technology_licence_firm"].any()


def test_a_sold_invention_changes_its_owner_a_licensed_one_does_not(make_bay, taken):
    """Of several who would buy the same, the first identity buys and the others license it."""
    for share, name in ((1, "sale"), (0, "licence")):
        bay = make_bay()
        t = bay.inventions
        before = t.owner.copy()
        flows = run(
            bay, {"transfer.need": 0.3, "transfer.sale_share": share, "transfer.partner_offers": 0}, cash=1e4
        )
        firms, row = bay.firms, taken["row"]
        users = np.flatnonzero(row >= 0)
        users = users[np.argsort(firms.id[users])]
        rows, first = np.unique(row[users], return_index=True)  # the first identity among the takers of each
        buyers = users[first] if share else users[:0]
        assert rows.size > 20 and users.size > rows.size
        expected = np.zeros(firms.capacity, bool)
        expected[buyers] = True
        assert ((taken["channel"] == transfer.SALE) == expected).all()
        sold = sum(flows[f"flow_technology_sale_{kind}"].sum() for kind in ("firm", "institute"))
        licensed = sum(flows[f"flow_technology_licence_{kind}"].sum() for kind in ("firm", "institute"))
        assert sold == pytest.approx(firms.weight[buyers].sum())
        assert licensed == pytest.approx(firms.weight[users].sum() - firms.weight[buyers].sum())
        assert not any(flows[n].any() for n in FLOWS if "joint" in n)
        assert all(flows[f"flow_technology_{name}_{kind}"].any() for kind in ("firm", "institute"))
        owner = before.copy()
        if share:
            owner[rows] = bay.institutes.capacity + buyers
            assert (owner != before).sum() == rows.size
        assert (t.owner == owner).all()


def test_income_is_shared_between_the_owner_and_a_living_partner(make_bay):
    """The owner keeps its share of the income; the rest goes to the partner, if there is one."""
    bay = make_bay()
    t, firms, institutes, count = bay.inventions, bay.firms, bay.institutes, bay.institutes.capacity
    rows = np.flatnonzero((t.alive == 1) & (t.stage == MARKET) & (t.owner >= 0))[:4]
    nodes = np.concatenate((np.arange(2), firms.alive_rows()[:6] + count))
    t.owner[rows], t.partner[rows] = nodes[[0, 2, 3, 4]], [nodes[5], nodes[1], nodes[6], -1]
    t.share[rows] = 0.25, 0.5, 0.75, 0.25
    income = np.array([100.0, 200.0, 400.0, 800.0])
    before = np.concatenate((institutes.cash, firms.cash * firms.weight))
    transfer.share_income(bay, rows, income, np.array([0, 1, 9, 10]))
    got = np.concatenate((institutes.cash, firms.cash * firms.weight)) - before
    expected = np.zeros(got.size)
    expected[nodes] = 25.0, 100.0, 100.0, 300.0, 800.0, 75.0, 100.0, 0.0
    assert got == pytest.approx(expected, abs=1e-6)
    assert bay.ledger.flow("licence")[[0, 1, 9, 10]].sum(axis=1) == pytest.approx(income)


def test_infinite_border_no_licence_crosses(make_bay):
    free, closed = make_bay(), make_bay()
    change(closed, {"transfer.border_weight": 1e9})
    cross = crossing(free)
    for bay in (free, closed):
        flows = run(bay, {"transfer.need": 1}, cash=1e4)
        total = sum(flows[name][:11, :11] for name in FLOWS)
        assert total[~cross].sum() > 100
        assert bay.tally.arrays["technology_border"].sum() == pytest.approx(total[cross].sum())
        assert (total[cross].sum() > 0) == (bay is free)


def test_users_gain_by_quality_and_absorption_and_nobody_else(bay, taken):
    before = bay.firms.productivity.copy()
    flows = run(bay, {"transfer.need": 0.2, "transfer.joint_share": 1, **NO_IMPORTS}, cash=1e4)
    gain = bay.firms.productivity - before
    users = gain > 0
    assert (gain >= 0).all()
    assert (bay.firms.weight * users).sum() == pytest.approx(sum(flows[n].sum() for n in FLOWS))
    p, quality = bay.parameters.transfer, bay.inventions.quality[np.maximum(taken["row"], 0)]
    expected = np.where(taken["row"] >= 0, p.gain * bay.firms.absorptive * np.log1p(quality), 0.0)
    assert (users == (taken["row"] >= 0)).all() and gain == pytest.approx(expected, abs=1e-6)


def test_transfer_gain_zero_teaches_nothing(bay):
    before = bay.firms.productivity.copy()
    flows = run(bay, {"transfer.need": 1, "transfer.gain": 0})
    assert sum(flow.sum() for flow in flows.values()) > 0 and (bay.firms.productivity == before).all()


def test_importers_come_to_depend_on_imports_others_less(bay):
    before = bay.firms.imports.copy()
    run(
        bay,
        {
            "transfer.need": 1,
            "transfer.offers": 0,
            "transfer.partner_offers": 0,
            "transfer.platform_offers": 0,
        },
    )
    assert (
        (bay.firms.imports >= before).all()
        and (bay.firms.imports > before).any()
        and bay.firms.imports.max() <= 1
    )
    before = bay.firms.imports.copy()
    run(bay, {"transfer.offers": 5, **NO_IMPORTS}, cash=1e4)
    assert (bay.firms.imports <= before).all() and (bay.firms.imports < before).any()


def test_a_matching_platform_shows_more_offers(make_bay):
    plain, reached = make_bay(), make_bay({"matching_platform": 1.0})
    taken = []
    for bay in (plain, reached):
        bay.values.refresh()
        flows = run(bay, {"transfer.need": 1, "transfer.offers": 1, "transfer.partner_offers": 0}, cash=1e4)
        taken.append(sum(flows[name].sum() for name in FLOWS))
    assert taken[1] > 1.05 * taken[0]
