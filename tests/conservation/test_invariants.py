"""The invariants of the books: each holds in a run, and each notices when the state is spoilt on purpose."""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay import books
from greaterbay.actors.fund import BANK
from greaterbay.actors.invention import ABANDONED, LABORATORY, MARKET
from greaterbay.ledger import SECTORS, LedgerError
from greaterbay.streams import identity_of
from small_bay import untouched


def firm(bay) -> int:
    """Row of the firm with the largest sales."""
    firms = bay.firms
    return int(np.argmax(np.where(firms.alive == 1, firms.sales * firms.weight, -1.0)))


def dead_firm(bay) -> int:
    """Node of a firm row that is not in use."""
    return bay.institutes.capacity + int(np.flatnonzero(bay.firms.alive == 0)[0])


def person(bay) -> int:
    """Row of somebody at work."""
    return int(np.flatnonzero((bay.people.alive == 1) & (bay.people.employer >= 0))[0])


def invention(bay) -> int:
    """Row of an invention in force that a firm develops."""
    table = bay.inventions
    return int(np.flatnonzero((table.alive == 1) & (table.developer >= 0))[0])


def other_city(bay, city: int) -> int:
    return (int(city) + 1) % len(bay.region.city_ids)


def add_person_without_booking(bay):
    row = bay.people.free_rows(1)
    bay.people.alive[row], bay.people.id[row] = 1, identity_of("stranger")
    bay.people.city[row], bay.people.weight[row], bay.people.employer[row] = 0, 50.0, -1


def tie_a_pair_twice(bay):
    ties = bay.ties
    old, new = np.flatnonzero(ties.alive == 1)[0], ties.free_rows(1)[0]
    for array in ties.arrays.values():
        array[new] = array[old]


def tie_to_nobody(bay):
    bay.ties.b[np.flatnonzero(bay.ties.alive == 1)[0]] = dead_firm(bay)


def forget_an_invention(bay):
    bay.inventions.clear(np.array([invention(bay)]))


def move_firm_without_place(bay):
    row = firm(bay)
    bay.firms.city[row] = other_city(bay, bay.firms.city[row])


def close_what_was_open(bay):
    at = bay.region.jurisdiction_city
    bay.world.cut_pairs = at[:, None] != at[None, :]


def let_money_vanish(bay):
    bay.ledger.balance[SECTORS.index("outside"), 0] = 0.0


def let_a_government_owe(bay):
    owed = bay.ledger.balance[SECTORS.index("government")]
    sum_before = bay.ledger.balance.sum()
    owed[0] = -0.01 * np.abs(bay.ledger.balance).max()
    bay.ledger.balance[-1, 0] -= bay.ledger.balance.sum() - sum_before


def use_two_identities(table_name: str):
    def spoil(bay):
        table = getattr(bay, table_name)
        rows = np.flatnonzero(table.alive == 1)
        table.id[rows[0]] = table.id[rows[1]]
        if table_name == "people":
            bay.quarter += 3 - bay.quarter % 4  # they are compared in the last quarter of a year

    return spoil


def change(table: str, column: str, row, value):
    """Set one cell of a table; ``value`` may be a function of the bay and the cell."""

    def spoil(bay):
        array = getattr(bay, table).arrays[column]
        at = row(bay)
        array[at] = value(bay, array[at]) if callable(value) else value

    return spoil


def count_more(output: str, index=(0,), amount: float = 1000.0):
    """Add to an output of the quarter's tally."""

    def spoil(bay):
        bay.tally.arrays[output][index] += amount

    return spoil


def pay_unbooked(payer: str, instrument: str = "grant", receiver: str = "outside", amount: float = 1000.0):
    """Book a payment that moves nobody's own money."""

    def spoil(bay):
        bay.ledger.pay(instrument, payer, 0, receiver, 0, amount)

    return spoil


def first_row_of_bank(bay) -> int:
    return int(np.flatnonzero(bay.funds.kind == BANK)[0])


def owe_to_funds(bay):
    committed = bay.funds.committed
    committed[first_row_of_bank(bay)] = -committed.max()


def spend_beyond_room(bay):
    bay.budgets.room[0] = -1.0


def claim_public_cost(bay):
    bay.budgets.used[0, 0] += 10.0


def hold_more_than_was_given(bay):
    bay.instruments.memory["held"][0, firm(bay)] = 1e3


def promise_less_than_nothing(bay):
    bay.instruments.all[0].owed[firm(bay), -1] = -1.0


def enlarge_a_market(bay):
    bay.economy.market_now = bay.economy.market_now * 1.001


def put_everything_on_the_market(bay):
    table = bay.inventions
    table.stage[(table.alive == 1) & (table.stage == LABORATORY)] = MARKET


def claim_more_on_the_way(bay):
    """A result given up that counts less than nothing: more are on their way than in force."""
    row = invention(bay)
    bay.inventions.weight[row], bay.inventions.stage[row] = -1e9, ABANDONED


def raise_a_barrier_at_home(bay):
    bay.values.barrier_talent[0, 1] = 0.1


def lower_a_barrier_below_zero(bay):
    bay.values.barrier_finance[0, -1] = -0.1


def spoil_wage(bay):
    bay.prices.wage_city[0] = np.nan


def make_a_tie_matrix_lopsided(bay):
    bay.tally.arrays["ties_firm_firm"][0, 1] += 1.0


CORRUPTIONS = {
    "cuts_hold": close_what_was_open,
    "people_balance": add_person_without_booking,
    "people_balance_by_city": count_more("graduates", (1,)),
    "people_have_places": change("people", "city", person, -1),
    "people_weights_positive": change("people", "weight", person, 0.0),
    "employers_exist": change("people", "employer", person, lambda bay, _: dead_firm(bay)),
    "employees_live_at_work": change("people", "city", person, lambda bay, city: other_city(bay, city)),
    "staff_is_people": change("firms", "staff", firm, lambda _, staff: staff + 50.0),
    "identities_differ": use_two_identities("firms"),
    "person_identities_differ": use_two_identities("people"),
    "firm_money": change("firms", "cash", firm, lambda _, cash: cash + 100.0),
    "institute_money": pay_unbooked("institute"),
    "fund_money": pay_unbooked("fund"),
    "bank_money": pay_unbooked("bank"),
    "government_money": pay_unbooked("outside", receiver="government"),
    "insurers_can_pay": pay_unbooked("insurer"),
    "people_spend_wages": pay_unbooked("firm", "wages", "person"),
    "money_is_conserved": let_money_vanish,
    "only_outside_owes": let_a_government_owe,
    "firms_do_not_owe_cash": change("firms", "cash", firm, -1.0),
    "funds_do_not_owe_cash": change("funds", "cash", first_row_of_bank, -1.0),
    "commitments_not_negative": owe_to_funds,
    "loans_are_committed": change("firms", "loan", firm, lambda _, loan: loan + 1000.0),
    "stakes_are_committed": change("firms", "invested", firm, lambda _, held: held + 1000.0),
    "loans_not_negative": change("firms", "loan", firm, -1.0),
    "arrears_not_negative": change("firms", "arrears", firm, -1.0),
    "public_cost_is_payments": claim_public_cost,
    "awards_are_accounted_for": count_more("awards_kept"),
    "returned_awards_are_paid_back": count_more("awards_returned"),
    "awards_within_caps": hold_more_than_was_given,
    "promises_are_not_negative": promise_less_than_nothing,
    "budgets_bind": spend_beyond_room,
    "shares_sum_to_one": enlarge_a_market,
    "sales_positive": change("firms", "sales", firm, 0.0),
    "firm_balance": change("firms", "weight", firm, lambda _, weight: 2.0 * weight),
    "firm_balance_by_city": count_more("firm_entries", (2,)),
    "relocations_balance": count_more("firm_relocations_in"),
    "firms_have_places": move_firm_without_place,
    "levels_between_zero_and_one": change("firms", "capability", lambda bay: (firm(bay), 0), 1.5),
    "inventions_balance": forget_an_invention,
    "inventions_balance_by_city": count_more("lapsed", (3,)),
    "stages_add_up": claim_more_on_the_way,
    "stages_are_declared": change("inventions", "stage", invention, 9),
    "market_balance": put_everything_on_the_market,
    "developers_exist": change("inventions", "developer", invention, lambda bay, _: dead_firm(bay)),
    "owners_exist": change("inventions", "owner", invention, lambda bay, _: dead_firm(bay)),
    "partners_exist": tie_to_nobody,
    "pairs_tie_once": tie_a_pair_twice,
    "tie_matrices_symmetric": make_a_tie_matrix_lopsided,
    "ties_add_up": count_more("ties_inside"),
    "adoption_within_bounds": count_more("adopters_technology", (0, 0), 1e9),
    "conversions_by_field_add_up": count_more("conversions_field", (0, 0)),
    "inventions_by_field_add_up": count_more("inventions_field", (0, 0)),
    "licences_balance": count_more("flow_technology_licence_firm", (0, 9)),
    "licences_are_paid": pay_unbooked("firm", "licence", "institute", 1e7),
    "border_talent_adds_up": count_more("talent_border", (9,)),
    "border_capital_adds_up": count_more("flow_capital_venture", (9, 1)),
    "wages_and_rents_positive": spoil_wage,
    "productivity_finite": change("firms", "productivity", firm, np.nan),
    "barriers_not_negative": raise_a_barrier_at_home,
    "learning_from_core_within_learning": count_more("learning_from_core", (0,), 1e9),
}


def holds(bay, name: str) -> bool:
    """Does the invariant hold? A ledger that does not agree with the actors' money says so itself."""
    try:
        gap, tolerance = books.INVARIANTS[name](bay)
    except LedgerError:
        return False
    return bool(gap <= tolerance < np.inf)


def test_there_are_at_least_forty():
    assert len(books.INVARIANTS) >= 40
    assert all(function.__doc__ for function in books.INVARIANTS.values())


def test_every_invariant_has_a_corruption():
    assert set(CORRUPTIONS) == set(books.INVARIANTS)


@pytest.mark.parametrize("name", books.INVARIANTS)
def test_holds_in_a_busy_quarter(busy_bay, name):
    assert holds(busy_bay, name)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_notices_a_spoilt_state(busy_bay, name):
    with untouched(busy_bay) as bay:
        CORRUPTIONS[name](bay)
        assert not holds(bay, name)
        with pytest.raises((books.BooksError, LedgerError), match=bay.label):
            books.check(bay)
    books.check(busy_bay)


def test_negative_barrier_is_noticed(busy_bay):
    with untouched(busy_bay) as bay:
        lower_a_barrier_below_zero(bay)
        assert not holds(bay, "barriers_not_negative")


def test_payment_without_an_account_is_noticed(busy_bay):
    """Money that leaves a firm's column but no account is refused with place and amounts."""
    with untouched(busy_bay) as bay:
        row = firm(bay)
        bay.firms.cash[row] -= 1.0
        with pytest.raises(LedgerError, match=r"money of firm in place \d+ is .* books say .* million CNY"):
            books.check(bay)


def test_all_money_of_a_busy_quarter_is_at_work(busy_bay):
    """The bay of these tests moves the money that the invariants are about: none holds for idleness."""
    instruments = (
        "sales", "costs", "wages", "consumption", "research", "tie", "tax", "revenue", "core_funding",
        "grant", "diverted", "joint_grant", "lever", "pilot", "patient", "licence", "import", "venture",
        "credit", "interest", "repayment", "dividend", "founders", "liquidation", "adoption",
    )
    idle = [name for name in instruments if busy_bay.ledger.flow(name).sum() <= 0]
    assert len(idle) <= 3, idle
    assert busy_bay.budgets.used.sum() > 0
    assert busy_bay.firms.invested.max() > 0 and busy_bay.firms.loan.max() > 0
