"""The ledger: payments move balances from account to account, wrong ones are refused, gaps are found."""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay.ledger import INSTRUMENTS, SECTORS, Ledger, LedgerError


@pytest.fixture
def ledger() -> Ledger:
    """Three places."""
    return Ledger(3)


def test_a_payment_leaves_one_account_and_enters_another(ledger):
    ledger.pay("grant", "government", [0, 0, 1], "firm", [1, 2, 1], [1.0, 2.0, 4.0])
    assert ledger.account("government").tolist() == [-3.0, -4.0, 0.0]
    assert ledger.account("firm").tolist() == [0.0, 5.0, 2.0]
    assert ledger.flow("grant").tolist() == [[0, 1, 2], [0, 4, 0], [0, 0, 0]]
    assert ledger.flow("credit").sum() == 0
    assert ledger.balance.sum() == 0


def test_scalars_and_arrays_mix(ledger):
    ledger.pay("sales", "outside", 2, "firm", [0, 1], [3.0, 4.0])
    ledger.pay("costs", "firm", 0, "outside", 2, 1.5)
    ledger.pay("tax", "firm", [0, 1], "government", 2, 0.5 * np.ones(2))
    assert ledger.account("firm").tolist() == [1.0, 3.5, 0.0]
    assert ledger.account("government").tolist() == [0.0, 0.0, 1.0]
    assert ledger.account("outside").tolist() == [0.0, 0.0, -5.5]


def test_many_payments_conserve_money(ledger):
    """Every instrument between every pair of sectors."""
    amounts = np.linspace(0.1, 7.0, 11)
    places = np.arange(11) % 3
    for instrument in INSTRUMENTS:
        for payer in SECTORS:
            for receiver in SECTORS:
                ledger.pay(instrument, payer, places, receiver, places[::-1], amounts)
    assert abs(ledger.balance.sum()) < 1e-9
    assert ledger.volume.sum() == pytest.approx(amounts.sum() * len(INSTRUMENTS) * len(SECTORS) ** 2)


def test_no_payment_is_no_payment(ledger):
    ledger.pay("wages", "firm", np.zeros(0, int), "person", np.zeros(0, int), np.zeros(0))
    ledger.pay("wages", "firm", 0, "person", 0, 0.0)
    assert not ledger.balance.any() and not ledger.volume.any()


@pytest.mark.parametrize("amount", [-1.0, np.nan, np.inf, [1.0, -0.5], [1.0, np.nan]])
def test_a_wrong_amount_is_refused_by_name(ledger, amount):
    with pytest.raises(LedgerError, match="credit from bank to firm: amount .* million CNY"):
        ledger.pay("credit", "bank", 0, "firm", 0, amount)
    assert not ledger.balance.any()


@pytest.mark.parametrize(("instrument", "payer", "receiver"), [
    ("gift", "firm", "person"), ("wages", "company", "person"), ("wages", "firm", "nobody"),
])
def test_an_unknown_account_is_refused(ledger, instrument, payer, receiver):
    with pytest.raises(KeyError):
        ledger.pay(instrument, payer, 0, receiver, 0, 1.0)


def test_what_actors_hold_is_compared_account_by_account(ledger):
    ledger.pay("opening", "outside", [0, 1], "fund", [0, 1], [10.0, 20.0])
    ledger.compare("fund", np.array([10.0, 20.0]), "2026Q1")
    ledger.compare("fund", np.array([10.0, 20.0 + 1e-7]), "2026Q1")
    with pytest.raises(LedgerError, match=r"2026Q1: money of fund in place 1 is 20\.1.*books say 20\.0"):
        ledger.compare("fund", np.array([10.0, 20.1]), "2026Q1")


@pytest.mark.parametrize("held", [np.array([np.nan, 20.0]), np.array([np.inf, 20.0])])
def test_money_that_is_no_number_is_a_gap(ledger, held):
    ledger.pay("opening", "outside", [0, 1], "fund", [0, 1], [10.0, 20.0])
    with pytest.raises(LedgerError):
        ledger.compare("fund", held, "2026Q1")


def test_money_that_moved_to_another_place_is_a_gap(ledger):
    """Equal sums are not enough."""
    ledger.pay("opening", "outside", [0, 1], "fund", [0, 1], [10.0, 20.0])
    with pytest.raises(LedgerError, match="place 0"):
        ledger.compare("fund", np.array([20.0, 10.0]), "2026Q1")


def test_a_new_quarter_forgets_payments_not_balances(ledger):
    ledger.pay("sales", "outside", 2, "firm", 0, 5.0)
    ledger.open_quarter()
    assert not ledger.volume.any() and ledger.account("firm")[0] == 5.0


def test_state_is_a_copy(ledger):
    ledger.pay("sales", "outside", 2, "firm", 0, 5.0)
    state = ledger.state()
    ledger.pay("sales", "outside", 2, "firm", 0, 5.0)
    assert state["balance"][0, 0] == 5.0
    ledger.restore(state)
    assert ledger.account("firm")[0] == 5.0
    ledger.pay("sales", "outside", 2, "firm", 0, 1.0)
    assert state["balance"][0, 0] == 5.0
