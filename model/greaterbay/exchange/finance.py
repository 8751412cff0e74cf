"""Phase 7. Money flows.

Public money for research (``grants.py``), subsidies and awards by terms (``policy/instruments.py``, decided and paid after
the joint fund), venture capital (``venture.py``) and bank credit (``credit.py``), in this order.
"""

from __future__ import annotations

from greaterbay.exchange.credit import insure_loans, serve_debt
from greaterbay.exchange.grants import donate, fund_institutes, pay_joint_fund
from greaterbay.exchange.venture import list_directly, renew_funds, sell_stakes
from greaterbay.policy import instruments


def move_money(bay) -> None:
    """Phase 7 in order: government budgets, grants, joint fund, venture, exits, credit."""
    fund_institutes(bay)
    bay.mechanisms.grants(bay)
    pay_joint_fund(bay)
    instruments.run(bay)
    donate(bay)
    renew_funds(bay)
    bay.mechanisms.venture_rounds(bay)
    list_directly(bay)
    sell_stakes(bay)
    serve_debt(bay)
    insure_loans(bay)
    bay.mechanisms.credit(bay)
