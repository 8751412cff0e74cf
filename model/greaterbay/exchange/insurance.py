"""Phase 5, first-use insurance: premiums when first use begins, compensation when it fails."""

from __future__ import annotations

import numpy as np


def insure_first_use(bay, entering: np.ndarray, failed: np.ndarray, total: np.ndarray) -> None:
    """First-use insurance: the insured share of a pilot's cost is paid back when first use fails.

    premium = cover * pilot_cost * (1 - success of the stage) * (1 + premium_load), paid when first use begins, as far as
    the developer has money; government pays the share ``premium_subsidy`` of it. An insurer that is short is filled
    up from outside (reinsurance).
    """
    p, inventions, firms, count = bay.parameters.conversion, bay.inventions, bay.firms, bay.institutes.capacity
    cities = len(bay.region.city_ids)
    for rows, fails in ((entering, False), (failed, True)):
        rows = rows[inventions.developer[rows] >= count]
        firm = inventions.developer[rows] - count
        city = firms.city[firm].astype(np.int64)
        if fails:
            insured = inventions.insured[rows]
            due = np.bincount(city, weights=insured, minlength=cities)
            short = np.maximum(0.0, due - bay.ledger.account("insurer")[:cities])
            bay.ledger.pay("reinsurance", "outside", np.arange(cities), "insurer", np.arange(cities), short)
            bay.ledger.pay("compensation", "insurer", city, "firm", city, insured)
            np.add.at(firms.cash, firm, insured / firms.weight[firm])
        else:
            cover = bay.values.first_use_cover_firm[city, firms.field[firm], firms.kind[firm]]
            insured = cover * p.pilot_cost * inventions.weight[rows]
            risk = 1.0 - total[inventions.field[rows]] ** 0.25
            premium = insured * risk * (1.0 + p.premium_load)
            subsidy = bay.values.premium_subsidy[city, firms.field[firm], firms.kind[firm]]
            aid = premium * subsidy
            premium = premium * (1.0 - subsidy)
            asked = np.bincount(firm, weights=premium, minlength=firms.capacity)
            have = np.maximum(firms.cash, 0.0) * firms.weight
            share = np.minimum(1.0, have / np.maximum(asked, 1e-300))
            premium = premium * share[firm]  # who can pay a part of the premium is insured for that part
            insured = insured * share[firm]
            if aid.any():
                insured *= subsidise_premium(bay, city, premium, aid * share[firm])
            inventions.insured[rows] = insured
            bay.ledger.pay("premium", "firm", city, "insurer", city, premium)
            np.add.at(firms.cash, firm, -premium / firms.weight[firm])
            bay.instruments.note("premium", firm, premium / firms.weight[firm])


def subsidise_premium(bay, city: np.ndarray, own: np.ndarray, aid: np.ndarray) -> np.ndarray:
    """Government pays its part ``aid`` of premiums as far as it has money; returns the share of each premium that is paid."""
    cities = len(bay.region.city_ids)
    due = np.bincount(city, weights=aid, minlength=cities)
    paid, payers = bay.budgets.transfer("premium_subsidy", due)
    for place, part in payers:
        bay.ledger.pay("lever", "government", place, "insurer", np.arange(cities), paid * part)
    done = (paid / np.maximum(due, 1e-300))[city]
    return (own + aid * done) / np.maximum(own + aid, 1e-300)
