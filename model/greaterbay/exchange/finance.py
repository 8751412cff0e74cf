"""Phase 7. Money flows.

Public money for research (``grants.py``), subsidies and awards by terms (``policy/instruments.py``, decided and paid after
the joint fund), venture capital (``venture.py``) and bank credit (``credit.py``), in this order.
"""

from __future__ import annotations

from greaterbay.exchange.credit import lend
from greaterbay.exchange.grants import donate, fund_institutes, give_grants, pay_joint_fund
from greaterbay.exchange.venture import invest_venture, list_directly, renew_funds, sell_stakes
from greaterbay.policy import instruments


def move_money(bay) -> None:
    """Phase 7 in order: government budgets, grants, joint fund, venture, exits, credit."""
    fund_institutes(bay)
    give_grants(bay)
    pay_joint_fund(bay)
    instruments.run(bay)
    donate(bay)
    renew_funds(bay)
    invest_venture(bay)
    list_directly(bay)
    sell_stakes(bay)
    lend(bay)
