"""The instrument engine: subsidies, awards, tax relief and capital grants by terms that are data (``policy/terms.py``).

What a recipient i is due from instrument j in a quarter, million CNY per real firm, before weighting:

    due_ij = min( v rate_j * basis_ij,  v cap_year_j - got this year_ij,  v cap_total_j - got so far_ij )  if eligible

with v the share of the terms in force (the named value ``terms_<preset>``) and ``rate * basis`` a share of what was spent
or a sum for an event. Eligible is who is in the targeted cell, past the thresholds (sales, growth, spending, staff), inside the
years of support, and meets the four conditions: a living legal person, no unpaid bills and never barred, a year of operating data, no
penalty within a year. *From the best, not twice*: of instruments of one stacking group a recipient takes the largest
sum of the quarter and nothing of the others. A total for all recipients (``cap_budget``) goes round in keyed order; the
one that crosses it gets what is left.

An award is promised in ``instalments`` after ``delay`` and paid when due, from the budgets of its payers; what they cannot
pay stays due. Promises outlive the lever: they run out as agreed, unless the recipient leaves or (``performance``) does
not pay its bills. Of recipients who would misuse money (share ``finance.diverters``), a share ``detection`` a year is
found out, returns what it got as far as it has money, loses what is due and is barred; the rest is written off.

Pilots and adoptions are helped when the money is needed (``offer``, ``settle``), all else in phase 7 (``run``).
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.firm import NEVER
from greaterbay.exchange.grants import take_grant
from greaterbay.policy import catalogue
from greaterbay.policy.bases import NOTES, measure
from greaterbay.policy.schedules import best_of, in_turn, instalments, mean_growth, schedule, share_out, taken_back
from greaterbay.policy.terms import FUND, UPFRONT, terms_of

CONDITION_DATA = 4  # quarters of operating data that the third condition asks for
MEMORY = ("got_year", "got_total", "held", "times")  # (J, rows): paid out or promised this year, so far; not taken back; events


# ---------------------------------------------------------------- the engine


class Instrument:
    """One instrument of a scenario: its preset, its terms, who pays (C, Q), and what is promised (rows, quarters ahead)."""

    def __init__(self, bay, setting, position: int):
        self.lever = catalogue.levers()[setting.id]
        self.terms = terms_of(self.lever.terms, dict(setting.terms))
        self.position = position
        self.payers = bay.values.payers_of(self.lever, setting)
        self.budget_left, self.budget_year = 0.0, -1
        self.owed = np.zeros((0, self.terms.horizon + 1))  # one slot more for what could not be paid


class Instruments:
    """The instruments of a scenario with what each firm got (``MEMORY``), and the flows that phases note for them."""

    def __init__(self, bay):
        positions = {name: k for k, name in enumerate(catalogue.levers())}
        settings = {one.id: one for one in bay.values.settings}
        self.all = [Instrument(bay, settings[preset.id], positions[preset.id]) for preset in catalogue.presets() if preset.id in settings]
        self.notes = {name: np.zeros(0) for name in NOTES}
        bases = {one.terms.basis for one in self.all}
        self.noted = (bases | {"profit_tax", "taxed_research"} if "deduction" in bases else bases) & set(NOTES)
        self.holder = np.zeros(0, np.uint64)
        self.memory = {name: np.zeros((len(self.all), 0)) for name in MEMORY}
        self.first = np.zeros((len(self.all), 0), np.int64)
        self.city, self.arrived = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.penalty = np.zeros(0, np.int64)
        self.barred = np.zeros(0, bool)
        self.sales_past = np.zeros((0, 5))

    def take(self, other: Instruments) -> None:
        """Memory of firms, and promises of instruments whose terms are the same, from the instruments of another scenario."""
        for name in ("holder", "city", "arrived", "penalty", "barred", "sales_past"):
            setattr(self, name, getattr(other, name).copy())
        rows = self.holder.size
        self.memory = {name: np.zeros((len(self.all), rows)) for name in MEMORY}
        self.first = np.full((len(self.all), rows), NEVER)
        before = {(one.lever.id, one.terms): j for j, one in enumerate(other.all)}
        for j, one in enumerate(self.all):
            one.owed = np.zeros((rows, one.terms.horizon + 1))
            at = before.get((one.lever.id, one.terms))
            if at is not None:
                for name in MEMORY:
                    self.memory[name][j] = other.memory[name][at]
                self.first[j] = other.first[at]
                one.owed[:] = other.all[at].owed
                one.budget_left, one.budget_year = other.all[at].budget_left, other.all[at].budget_year
        for name in self.noted & other.noted:
            self.notes[name] = other.notes[name].copy()

    def forget_notes(self) -> None:
        """Nothing is noted any more: what firms spent during the warm-up is no basis of an award."""
        self.notes = {name: np.zeros(0) for name in NOTES}

    def note(self, kind: str, firm: np.ndarray, amount: np.ndarray) -> None:
        """A phase says what real firms spent (million CNY), where an instrument asks for it."""
        if kind not in self.noted:
            return
        book = self.notes[kind]
        if firm.size and firm.max() >= book.size:
            book = self.notes[kind] = np.concatenate((book, np.zeros(int(firm.max()) + 1 - book.size)))
        np.add.at(book, firm, amount)

    def spent(self, kind: str, rows: np.ndarray) -> np.ndarray:
        """What was noted for firms."""
        book = self.notes[kind]
        return np.where(rows < book.size, book[np.minimum(rows, max(book.size - 1, 0))], 0.0) if book.size else np.zeros(rows.size)

    def sync(self, bay) -> None:
        """Rows that hold another firm than before forget; the memory grows with the table."""
        firms, more = bay.firms, bay.firms.capacity - self.holder.size
        if more:
            self.holder = np.concatenate((self.holder, np.zeros(more, np.uint64)))
            self.memory = {k: np.concatenate((v, np.zeros((v.shape[0], more))), axis=1) for k, v in self.memory.items()}
            self.first = np.concatenate((self.first, np.full((self.first.shape[0], more), NEVER)), axis=1)
            for name in ("city", "arrived", "penalty"):
                setattr(self, name, np.concatenate((getattr(self, name), np.full(more, NEVER))))
            self.barred = np.concatenate((self.barred, np.zeros(more, bool)))
            self.sales_past = np.concatenate((self.sales_past, np.zeros((more, 5))))
            for one in self.all:
                one.owed = np.concatenate((one.owed, np.zeros((more, one.owed.shape[1]))))
        new = np.flatnonzero(self.holder != firms.id)
        self.holder[new] = firms.id[new]
        for book in self.memory.values():
            book[:, new] = 0.0
        self.first[:, new], self.penalty[new], self.barred[new], self.sales_past[new] = NEVER, NEVER, False, 0.0
        self.city[new], self.arrived[new] = firms.city[new], firms.birth[new]
        for one in self.all:
            one.owed[new] = 0.0
        moved = np.flatnonzero((self.city != firms.city) & (firms.alive == 1))
        self.city[moved], self.arrived[moved] = firms.city[moved], bay.quarter
        for one in self.all:  # a promise ends when the recipient moves to another city
            one.owed[moved] = 0.0
        if bay.quarter % 4 == 0:
            self.memory["got_year"][:] = 0.0
            self.sales_past[:, 1:] = self.sales_past[:, :-1]
            self.sales_past[:, 0] = 4.0 * firms.sales * firms.alive

    def of(self, *bases: str) -> list[int]:
        """Instruments with one of the bases."""
        return [k for k, one in enumerate(self.all) if one.terms.basis in bases]

    # ---------------------------------------------------------------- who is due what

    def strength(self, bay, j: int, rows: np.ndarray) -> np.ndarray:
        """Share of the terms in force for firms (n,)."""
        firms = bay.firms
        return getattr(bay.values, self.all[j].lever.named_value)[firms.city[rows], firms.field[rows], firms.kind[rows]]

    def eligible(self, bay, j: int, rows: np.ndarray) -> np.ndarray:
        """Who may be paid, whatever was spent (bool)."""
        firms, t, quarter = bay.firms, self.all[j].terms, bay.quarter
        found = 4.0 * firms.sales[rows] >= t.threshold_sales
        if t.threshold_growth > 0.0:
            found &= mean_growth(self.sales_past[rows, 0], self.sales_past[rows, t.growth_years], t.growth_years) >= t.threshold_growth
        if t.threshold_staff > 0.0:
            found &= firms.staff[rows] / firms.weight[rows] >= t.threshold_staff
        if t.newcomer:
            found &= quarter - self.arrived[rows] < 4 * max(t.years, 1)
        if t.years:
            first = self.first[j, rows]
            found &= (first == NEVER) | (quarter - first < 4 * t.years)
        if t.conditions:
            found &= ((firms.arrears[rows] <= 0.0) & ~self.barred[rows] & (firms.data_quarters[rows] >= CONDITION_DATA)
                      & (quarter - self.penalty[rows] >= 4))
        return found & ~self.barred[rows]

    def caps_left(self, j: int, rows: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is left under the caps of the year and in all (n,), million CNY per real firm."""
        t, open_ = self.all[j].terms, np.where(v > 0.0, np.inf, 0.0)
        return tuple((v * cap if np.isfinite(cap) else open_) - self.memory[book][j, rows]
                     for cap, book in ((t.cap_year, "got_year"), (t.cap_total, "got_total")))

    def due(self, bay, j: int, rows: np.ndarray, basis: np.ndarray) -> np.ndarray:
        """Sums due on a basis (n,), million CNY per real firm."""
        t, v = self.all[j].terms, self.strength(bay, j, rows)
        if t.one_off:
            left = np.maximum(0.0, 1.0 - self.memory["times"][j, rows])  # a row may stand for some who had it and some who had not
            basis = np.minimum(basis, left) if t.lump else basis * (self.first[j, rows] == NEVER)
        amount = schedule(basis, v * t.per_unit, *self.caps_left(j, rows, v))
        return amount * (v > 0.0) * (4.0 * basis >= t.threshold_spending if t.threshold_spending else 1.0) * self.eligible(bay, j, rows)

    def within_budget(self, bay, j: int, rows: np.ndarray, due: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Sums cut to what is left of the instrument's total for the year."""
        one = self.all[j]
        if not np.isfinite(one.terms.cap_budget):
            return due
        if one.budget_year != bay.quarter // 4:
            one.budget_year = bay.quarter // 4
            one.budget_left = one.terms.cap_budget * float(getattr(bay.values, one.lever.named_value).max())
        return due * share_out(due * bay.firms.weight[rows], order, one.budget_left)

    # ---------------------------------------------------------------- promises and payments

    def promise(self, bay, j: int, rows: np.ndarray, amount: np.ndarray) -> None:
        """Write awards into the memory and their instalments on the days they are due."""
        one, t = self.all[j], self.all[j].terms
        got = amount > 0.0
        rows, amount = rows[got], amount[got]
        self.memory["got_year"][j, rows] += amount
        self.memory["got_total"][j, rows] += amount
        self.memory["times"][j, rows] += amount / max(t.lump, 1e-300) if t.lump else 1.0
        fresh = rows[self.first[j, rows] == NEVER]
        self.first[j, fresh] = bay.quarter
        one.budget_left -= float((amount * bay.firms.weight[rows]).sum())
        for k, part in enumerate(instalments(amount, t.instalments)):
            one.owed[rows, t.delay + k * t.gap] += part

    def pay_due(self, bay, j: int) -> None:
        """Pay what is due this quarter, in keyed order while budgets last; what is not paid stays due."""
        one, firms = self.all[j], bay.firms
        rows = np.flatnonzero(one.owed[:, 0] > 0.0)
        if rows.size:
            if one.terms.performance:  # who does not pay its bills loses this part
                lost = rows[firms.arrears[rows] > 0.0]
                one.owed[lost, 0] = 0.0
                rows = rows[firms.arrears[rows] <= 0.0]
            amount = one.owed[rows, 0]
            done = bay.budgets.pay_awards(one.position, one.payers, firms.city[rows].astype(np.int64), amount * firms.weight[rows],
                                          np.argsort(bay.streams.uniforms("award", bay.quarter, firms.id[rows]), kind="stable"))
            one.owed[rows[done], 0] = 0.0
            self.hand_over(bay, j, rows[done], amount[done])
        left = one.owed[:, 0].copy()
        one.owed[:, :-1] = one.owed[:, 1:]
        one.owed[:, -1] = 0.0
        one.owed[:, 0] += left

    def hand_over(self, bay, j: int, rows: np.ndarray, amount: np.ndarray) -> None:
        """Book awards that are paid (million CNY per real firm) and let recipients use, keep or divert them."""
        one, firms, tally = self.all[j], bay.firms, bay.tally
        weight, city = firms.weight[rows], firms.city[rows].astype(np.int64)
        for payer in np.flatnonzero(one.payers.any(axis=0)):
            part = one.payers[city, payer]
            place = np.full(rows.size, bay.budgets.place_of_payer[payer])
            bay.ledger.pay("award", "government", place, "firm", city, amount * weight * part)
            tally.flow("flow_capital_grant_firm", place, city, amount * weight * part)
        self.memory["held"][j, rows] += amount
        tally.add("awards", city, amount * weight)
        if one.terms.purpose == "research":
            diverted = take_grant(bay, rows, amount)
            tally.add("awards_diverted", city, diverted * weight)
            tally.add("awards_research", city, (amount - diverted) * weight)
            return
        tally.add("awards_kept", city, amount * weight)
        np.add.at(firms.cash, rows, amount)
        if one.terms.purpose == "tax":
            np.add.at(firms.grant_response, rows, bay.parameters.finance.user_cost * amount)

    def claw_back(self, bay, j: int) -> None:
        """Misuse that is found: the money returns to the payers as far as there is any, the rest is written off."""
        one, firms, f = self.all[j], bay.firms, bay.parameters.finance
        rows = np.flatnonzero((self.memory["held"][j] > 0.0) & (firms.alive == 1))
        if rows.size == 0 or one.terms.detection <= 0.0:
            return
        misuses = bay.streams.uniforms("clawback", 0, firms.id[rows]) < f.diverters
        found = bay.streams.uniforms("clawback", bay.quarter, firms.id[rows], 1 + j) < one.terms.detection / 4.0
        rows = rows[misuses & found]
        paid, lost = taken_back(self.memory["held"][j, rows], firms.cash[rows])
        weight, city = firms.weight[rows], firms.city[rows].astype(np.int64)
        for payer in np.flatnonzero(one.payers.any(axis=0)):
            place = np.full(rows.size, bay.budgets.place_of_payer[payer])
            amount = paid * weight * one.payers[city, payer]
            bay.ledger.pay("clawback", "firm", city, "government", place, amount)
            bay.ledger.pay("general_budget", "government", place, "outside", place, amount)
        firms.cash[rows] -= paid
        bay.tally.add("awards_returned", city, paid * weight)
        bay.tally.add("awards_written_off", city, lost * weight)
        self.memory["held"][j, rows] = 0.0
        one.owed[rows] = 0.0
        self.barred[rows], self.penalty[rows] = True, bay.quarter


# ---------------------------------------------------------------- entries


def open_quarter(bay) -> None:
    """Phase 1: what instruments change before anybody acts. A cheaper premium insures more first uses."""
    state = bay.instruments
    if not state.all or bay.warming:
        return
    state.sync(bay)
    for j in state.of("premium"):
        one = state.all[j]
        added = bay.parameters.finance.premium_response * one.terms.rate * getattr(bay.values, one.lever.named_value)
        if added.any():
            values = bay.values
            values.first_use_cover_firm = np.minimum(1.0, values.first_use_cover_firm + added)
            values.first_use_cover = values.first_use_cover_firm[:, :, :3].mean(axis=2)


def run(bay) -> None:
    """Phase 7: awards of the quarter are decided and promised, what is due is paid, misuse is taken back."""
    state, firms = bay.instruments, bay.firms
    if not state.all or bay.warming:
        return
    rows = firms.alive_rows()
    order = np.argsort(bay.streams.uniforms("award", bay.quarter, firms.id[rows]), kind="stable")
    due = np.zeros((len(state.all), rows.size))
    for j, one in enumerate(state.all):
        if one.terms.basis not in (*UPFRONT, FUND) and state.strength(bay, j, rows).any():
            due[j] = state.due(bay, j, rows, measure(bay, one.terms.basis, rows, one.terms))
    due = best_of(due, [one.terms.stack for one in state.all])
    for j in range(len(state.all)):
        if due[j].any():
            state.promise(bay, j, rows, state.within_budget(bay, j, rows, due[j], order))
        if state.all[j].terms.basis not in (*UPFRONT, FUND):
            state.pay_due(bay, j)
        state.claw_back(bay, j)
    for book in state.notes.values():
        book[:] = 0.0


def offer(bay, basis: str, firm: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Help with single projects that need money now, in the order given: sums per real firm, and which instrument pays (-1 none).

    Every project takes the best instrument of the basis; a sum is offered only as far as caps, totals and budgets reach.
    """
    state, firms = bay.instruments, bay.firms
    chosen, found = np.full(firm.size, -1), np.zeros(firm.size)
    instruments = [] if bay.warming else [j for j in state.of(basis) if state.strength(bay, j, firm).any()]
    if not instruments or firm.size == 0:
        return found, chosen
    turn = np.arange(firm.size)
    room = np.maximum(bay.budgets.room, 0.0) * (1.0 - 1e-9)
    for j in instruments:
        v = state.strength(bay, j, firm)
        wanted = v * state.all[j].terms.rate * cost * state.eligible(bay, j, firm)
        by_firm = np.zeros(firms.capacity)
        by_firm[firm] = np.minimum(*state.caps_left(j, firm, v))
        sums = np.zeros(firm.size)
        in_turn(firm, wanted, by_firm, sums)
        sums = state.within_budget(bay, j, firm, sums, turn)
        better = sums > found
        found[better], chosen[better] = sums[better], j
    for j in instruments:  # only what the payers can pay is offered
        mine = np.flatnonzero(chosen == j)
        city = firms.city[firm[mine]].astype(np.int64)
        served = bay.budgets.could_pay(state.all[j].payers, city, found[mine] * firms.weight[firm[mine]], room)
        found[mine[~served]], chosen[mine[~served]] = 0.0, -1
    return found, chosen


def relief(bay, basis: str) -> tuple[np.ndarray, np.ndarray]:
    """What firms know before they decide: the highest rate of help open to each (rows,), and what is left under its caps."""
    state, firms = bay.instruments, bay.firms
    rate, left = np.zeros(firms.capacity), np.zeros(firms.capacity)
    for j in [] if bay.warming else state.of(basis):
        rows = firms.alive_rows()
        one, t, v = state.all[j], state.all[j].terms, state.strength(bay, j, rows)
        now = v * t.rate * state.eligible(bay, j, rows) * (bay.budgets.room @ one.payers.T > 0.0)[firms.city[rows]]
        better = now > rate[rows]
        rows = rows[better]
        rate[rows] = now[better]
        left[rows] = np.maximum(0.0, np.minimum(*state.caps_left(j, rows, v[better])))
    return rate, left


def settle(bay, firm: np.ndarray, amount: np.ndarray, chosen: np.ndarray) -> None:
    """Pay the offers that were taken up."""
    state, firms = bay.instruments, bay.firms
    for j in np.unique(chosen[chosen >= 0]):
        mine = np.flatnonzero((chosen == j) & (amount > 0.0))
        one, rows = state.all[j], firm[mine]
        done = bay.budgets.pay_awards(one.position, one.payers, firms.city[rows].astype(np.int64), amount[mine] * firms.weight[rows],
                                      np.arange(mine.size))
        assert done.all(), "an offer was made that the budgets cannot pay"
        for book in ("got_year", "got_total"):
            np.add.at(state.memory[book][j], rows, amount[mine])
        state.first[j, rows[state.first[j, rows] == NEVER]] = bay.quarter
        one.budget_left -= float((amount[mine] * firms.weight[rows]).sum())
        unique, at = np.unique(rows, return_inverse=True)
        state.hand_over(bay, j, unique, np.bincount(at, weights=amount[mine]))


def commit_funds(bay) -> np.ndarray:
    """Instruments that fill guidance funds: money by city (C,) this quarter, in proportion to venture capital at home."""
    state, cities = bay.instruments, len(bay.region.city_ids)
    added = np.zeros(cities)
    for j in [] if bay.warming else state.of(FUND):
        one, funds = state.all[j], bay.funds
        force = getattr(bay.values, one.lever.named_value).max(axis=(1, 2))
        capital = np.bincount(funds.city, weights=funds.capital, minlength=cities) * (force > 0.0)
        wanted = force * one.terms.cap_budget / 4.0 * capital / max(capital.sum(), 1e-300)
        everywhere = np.flatnonzero(wanted > 0.0)
        if everywhere.size == 0:
            continue
        paid = bay.budgets.pay_commitments(one.position, one.payers, wanted)
        for payer in np.flatnonzero(one.payers.any(axis=0)):
            place = bay.budgets.place_of_payer[payer]
            bay.ledger.pay("commitment", "government", place, "fund", np.arange(cities), paid * one.payers[:, payer])
        added += paid
    return added
