"""The books: every payment has an instrument, a payer and a receiver, each a sector in a place.

Sectors: firm, institute, fund (venture and guidance), bank, government, person, insurer and ``outside``. The outside is
everybody beyond the books: customers, suppliers, owners and taxpayers in a city, the rest of China and abroad. It is
the only account that may go negative, and it is reported by instrument, never as a residual. At the close of a quarter
the sums of the actors' own money columns must equal the books, account by account.
"""

from __future__ import annotations

import numpy as np

from greaterbay.kernels import kernel

SECTORS = ("firm", "institute", "fund", "bank", "government", "person", "insurer", "outside")
INSTRUMENTS = (
    "opening", "sales", "costs", "wages", "consumption", "research", "tie", "tax", "revenue", "general_budget", "core_funding",
    "grant", "diverted", "joint_grant", "team_grant", "lever", "pilot", "patient", "licence", "import", "venture", "guidance", "commitment",
    "exit", "fund_raising", "fund_close",
    "credit", "interest", "repayment", "dividend", "trade_credit", "trade_repayment", "founders", "liquidation", "relocation",
    "adoption", "premium", "compensation", "reinsurance", "award", "clawback", "direct", "donation", "guarantee", "budget_path",
)


@kernel
def _book(origin, target, amount, volume, balance, instrument, payer, receiver):
    """Add payments to the volume of the instrument and to the accounts of both sectors; a single place stands for all.

    Returns 0, or what forbids it before anything is booked: 1 an amount, 2 a place.
    """
    one_origin, one_target, places = origin.shape[0] == 1, target.shape[0] == 1, balance.shape[1]
    for k in range(amount.shape[0]):
        if not (np.isfinite(amount[k]) and amount[k] >= -1e-9):
            return 1
        a, b = origin[0 if one_origin else k], target[0 if one_target else k]
        if a < 0 or a >= places or b < 0 or b >= places:
            return 2
    for k in range(amount.shape[0]):
        a, b = origin[0 if one_origin else k], target[0 if one_target else k]
        volume[instrument, a, b] += amount[k]
        balance[payer, a] -= amount[k]
        balance[receiver, b] += amount[k]
    return 0


class LedgerError(RuntimeError):
    """The books do not balance; the message names accounts and amounts."""


class Ledger:
    """Balances by sector and place and payments by instrument, million CNY.

    ``balance`` (sectors, places); ``volume`` (instruments, places, places): payments of the quarter.
    """

    def __init__(self, places: int):
        self.places = places
        self.balance = np.zeros((len(SECTORS), places))
        self.volume = np.zeros((len(INSTRUMENTS), places, places))
        self._sector = {name: i for i, name in enumerate(SECTORS)}
        self._instrument = {name: i for i, name in enumerate(INSTRUMENTS)}

    def pay(self, instrument: str, payer: str, from_place, receiver: str, to_place, amount) -> None:
        """Book payments; places and amounts are arrays of one length (or scalars). Amounts must be finite and >= 0."""
        amount = np.ascontiguousarray(amount, np.float64)
        if amount.size == 0:
            return
        origin, target = np.ascontiguousarray(from_place, np.int64), np.ascontiguousarray(to_place, np.int64)
        if origin.size not in (1, amount.size) or target.size not in (1, amount.size):
            raise ValueError(f"{instrument}: {origin.size} payers and {target.size} receivers of {amount.size} amounts")
        fault = _book(origin, target, amount, self.volume, self.balance, self._instrument[instrument], self._sector[payer],
                      self._sector[receiver])
        if fault == 1:
            raise LedgerError(f"{instrument} from {payer} to {receiver}: amount {amount.min():g} to {amount.max():g} million CNY")
        if fault == 2:
            raise IndexError(f"{instrument} from {payer} to {receiver}: a place is not one of {self.places}")

    def flow(self, instrument: str) -> np.ndarray:
        """Payments of the quarter by place of payer and receiver (places, places)."""
        return self.volume[self._instrument[instrument]]

    def account(self, sector: str) -> np.ndarray:
        """Balances of a sector by place (places,)."""
        return self.balance[self._sector[sector]]

    def compare(self, sector: str, held: np.ndarray, quarter: str) -> None:
        """Stop the run when actors hold something else than the books say (tolerance 1e-7 of the volume)."""
        books = self.account(sector)[: held.size]
        scale = max(1.0, float(np.abs(books).max()))
        gap = np.abs(books - held)
        if not gap.max() <= 1e-7 * scale:  # also catches what is not a number
            at = int(gap.argmax())
            raise LedgerError(f"{quarter}: money of {sector} in place {at} is {held[at]:.6f}, the books say {books[at]:.6f} million CNY")

    def open_quarter(self) -> None:
        """Forget the payments of the last quarter."""
        self.volume[:] = 0.0

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the balances."""
        return {"balance": self.balance.copy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take the balances of ``state``."""
        self.balance[:] = state["balance"]
