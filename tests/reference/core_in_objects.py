"""The core rules of the model again, one Mesa object per firm, institute and person, written to be read.

This is a specification, not a second model: a quarter of partner choice, learning, invention, moves and adoption, from a given state.
It shares no code with the package's kernels and no random numbers: the package hashes keys, this draws from ``self.random``. Where both
must agree only *in distribution*, ``test_equivalence.py`` tests that they do. Equations are those of the ODD (``docs/model/``),
sections 7.2 to 7.4 and 7.9; names are those of ``parameters.csv``.
"""

from __future__ import annotations

import math
from bisect import bisect
from itertools import accumulate

import mesa

FIRM_FIRM, FIRM_INSTITUTE, INSTITUTE_INSTITUTE = 0, 1, 2
TRIES = 8  # places a search looks at before it gives up


def gumbel(random) -> float:
    """Standard Gumbel draw."""
    return -math.log(-math.log(random.random() or 0.5))


class Weights:
    """Something drawn in proportion to weights."""

    def __init__(self, items, weights):
        self.items, self.cumulative = list(items), list(accumulate(weights))

    def draw(self, random):
        """One item; None when all weights are zero."""
        total = self.cumulative[-1] if self.cumulative else 0.0
        return self.items[bisect(self.cumulative, random.random() * total)] if total > 0.0 else None


class Tie:
    """A running collaboration of two actors."""

    def __init__(self, one, two, weight: float, shared: bool):
        self.one, self.two, self.weight, self.shared = one, two, weight, shared
        self.explore = not (one.is_firm and two.is_firm)
        one.partners[two], two.partners[one] = self, self


class Actor(mesa.Agent):
    """A firm or an institute. ``levels[f]`` are the four capabilities of field f, ``size`` the skilled staff of one real actor."""

    is_firm = True

    def __init__(self, model, **given):
        super().__init__(model)
        self.partners: dict[Actor, Tie] = {}
        self.past: list[Actor] = []
        self.__dict__.update(given)

    # ------------------------------------------------ what others see

    def smooth(self) -> None:
        """Profile: mean level by field, smoothed by relatedness, of length one."""
        means = [sum(four) / 4.0 for four in self.levels]
        row = [sum(r * m for r, m in zip(related, means, strict=True)) for related in self.model.related]
        length = math.sqrt(sum(x * x for x in row))
        self.profile = [x / length for x in row] if length > 0.0 else row

    def distance(self, other: Actor) -> float:
        """Cognitive distance: one minus the cosine of the profiles."""
        return min(1.0, max(0.0, 1.0 - sum(a * b for a, b in zip(self.profile, other.profile, strict=True))))

    def degree(self) -> float:
        """Ties of one real actor."""
        return sum(tie.weight for tie in self.partners.values()) / self.weight

    def cost(self) -> float:
        """Convex cost of one more tie, by ties per 30 researchers."""
        x = self.degree() / (1.0 + self.size / 30.0)
        return self.model.p.partnering.cost_weight * ((x + 1.0) ** 1.5 - x**1.5)

    # ------------------------------------------------ partner choice

    def candidates(self):
        """Who is seen this quarter, with the way they were met: search, past, partner or alliance."""
        m, p, random = self.model, self.model.p.partnering, self.random
        density = m.mass[self.city][self.field]
        wanted = min(12.0, p.local_candidates * density / (density + p.local_half_density) * (1.0 + self.park_boost))
        for _ in range(int(wanted) + (random.random() < wanted - int(wanted))):
            yield m.firm_in(self.city, self.field), "search"
        for _ in range(int(p.distant_candidates)):
            city = m.far[self.city][self.field].draw(random)
            if city is not None:
                yield m.firm_in(city, self.field), "search"
        for _ in range(int(p.institute_candidates)):
            yield m.institutes_seen[self.city][self.field].draw(random), "search"
        for actor in self.past:
            yield actor, "past"
        if self.partners:
            for _ in range(3):
                friend = random.choice(list(self.partners))
                yield random.choice(list(friend.partners)), "partner"
        if self.alliances and random.random() < m.sharing[self.city]:
            for alliance in self.alliances:
                for _ in range(2):
                    yield m.member_of(alliance), "alliance"

    def common_value(self, other: Actor, met: str) -> float:
        """The part of the utility of working together that both sides share."""
        m, p = self.model, self.model.p.partnering
        if self.is_firm and other.is_firm:
            best, slope = p.cognitive_optimum, p.travel_firm_firm
        elif self.is_firm or other.is_firm:
            best, slope = p.cognitive_optimum_explore, p.travel_firm_institute
        else:
            best, slope = p.cognitive_optimum_explore, p.travel_institute_institute
        value = p.cognitive_weight * (1.0 - ((self.distance(other) - best) / p.cognitive_width) ** 2)
        value -= slope * math.log(1.0 + m.minutes[self.city][other.city] / 30.0)
        value -= p.border_weight * m.barrier[self.city][other.city]
        value += {"search": 0.0, "past": p.past_weight, "partner": p.closure_weight, "alliance": p.organisation_weight}[met]
        if self.is_firm and other.is_firm and self.field == other.field:
            value -= p.rivalry_weight * (1.0 - abs(self.chain - other.chain))
        return value

    def look(self) -> list:
        """Up to three proposals above both sides' reservation, best first: (own utility, partner, partner's utility)."""
        p = self.model.p.partnering
        if self.size <= 0.0 or self.random.random() >= p.seek_share:
            return []
        known, proposals, lot = {self, *self.partners}, [], self.random.random()
        for other, met in self.candidates():
            if other is None or other in known or other.size <= 0.0:
                continue
            known.add(other)
            # who is never thinned proposes as much more rarely as the tie would stand for more
            if self.unthinned and lot * other.weight > self.weight:
                continue
            value = self.common_value(other, met)
            mine = value + p.mass_weight * math.log1p(other.size) - self.burden_cost + gumbel(self.random)
            theirs = value + p.mass_weight * math.log1p(self.size) - other.burden_cost + gumbel(self.random)
            if mine >= p.reservation and theirs >= p.reservation:
                proposals.append((mine, other, theirs))
        return sorted(proposals, key=lambda found: -found[0])[:3]

    # ------------------------------------------------ knowledge

    def learnable(self, teacher: Actor, rate: float) -> dict:
        """What could be learned from a partner, in the own field and those next to it: (field, capability) -> gain."""
        p, gains = self.model.p.learning, {}
        for f, related in enumerate(self.model.related[self.field]):
            if f == self.field or related >= p.neighbour_field:
                for k in range(4):
                    gap = p.reach * teacher.levels[f][k] - self.levels[f][k]
                    if gap > 0.0:
                        gains[f, k] = rate * gap * (1.0 - self.levels[f][k])
        return gains

    def access(self) -> float:
        """Effective capability: geometric mean of the field's four, each the best of own, partners', pool's, alliance's."""
        m, p, product = self.model, self.model.p.learning, 1.0
        for k in range(4):
            level = self.levels[self.field][k]
            for partner in self.partners:
                through = max(0.0, 1.0 - p.spillover_border * m.barrier[self.city][partner.city])
                level = max(level, p.access * through * partner.levels[self.field][k])
            if k == 0:
                level = max(level, m.basic[self.city][self.field])
            product *= max(level, self.member_level, 1e-6)
        return product**0.25

    def ties_used(self) -> float:
        """Ties that help an inventor: a firm's own; of an institute's, which come in lumps, the scale's part, the rest from what
        the institutes of the city have together."""
        if self.is_firm:
            return self.degree()
        m = self.model
        return m.scale * self.degree() + (1.0 - m.scale) * m.even[self.city] * (1.0 + self.size / 100.0)

    def mean_inventions(self) -> float:
        """Knowledge production function of a quarter."""
        q = self.model.p.invention
        if self.money <= 0.0 or self.size <= 0.0:
            return 0.0
        pool = max(self.model.spill[self.city][self.field], 1e-6)
        return (self.simulated * q.rate * (4.0 * self.money / q.rd_reference) ** q.rd_elasticity
                * (self.size / q.people_reference) ** q.people_elasticity
                * math.exp(q.partner * math.log1p(self.ties_used() / (1.0 + self.size / 100.0)))
                * pool**q.spillover_elasticity * (max(self.access(), 1e-6) / q.capability_reference) ** q.capability_elasticity)

    def develop(self, learned: dict, made: int) -> None:
        """Own research, learning, spillovers and losses, then what inventions change in the weakest capability of the field."""
        m, p = self.model, self.model.p.learning
        effort = min(2.0, math.sqrt(max(0.0, self.money / max(self.size, 1e-9) / m.effort_reference)))
        for f, share in enumerate(self.research):
            pool = p.spillover * m.spill[self.city][f]
            used = share > (0.0 if self.is_firm else 0.02)
            loss = (p.depreciation if used else p.depreciation_unused) + p.frontier
            for k in range(4):
                level = self.levels[f][k]
                gain = min(learned.get((f, k), 0.0), 0.5 * (1.0 - level))
                if share > 0.0:
                    tilt = 0.7 + 0.6 * (k / 3.0 if self.is_firm else 1.0 - k / 3.0)
                    gain += (p.own * tilt * effort * min(1.0, 2.0 * share) + pool * min(1.0, 2.0 * share)) * (1.0 - level)
                elif self.is_firm:
                    gain += pool * m.related[self.field][f] ** 2 * (1.0 - level)
                self.levels[f][k] = min(1.0, max(0.0, level + gain - loss * level))
        own = self.levels[self.field]
        weakest = own.index(min(own))
        for _ in range(min(made, 5)):
            own[weakest] += p.recombine * self.recombination * (1.0 - own[weakest])

    # ------------------------------------------------ adoption

    def hears_of(self, technology) -> bool:
        """Contagion: outside, share of partners that use it, of users in the city, of suppliers and customers in reach."""
        p = self.model.p.diffusion
        users = sum(technology in partner.uses for partner in self.partners if partner.is_firm)
        share = users / len(self.partners) if self.partners else 0.0
        near = p.city_imitation * technology.share[self.city] + p.chain_imitation * technology.chain_share[self.city][self.field][self.step]
        return self.random.random() < min(1.0, p.outside + p.imitation * share + near)

    def adopts(self, technology) -> bool:
        """Economic test: gain over the horizon less cost and risk, plus peers and the firm's mood; and the money must be there."""
        p = self.model.p.diffusion
        users = sum(technology in partner.uses for partner in self.partners if partner.is_firm)
        share = users / len(self.partners) if self.partners else 0.0
        aversion = p.risk_aversion * math.exp(0.5 * self.random.gauss(0.0, 1.0))
        risk = p.risk * (1.0 - self.cover) * (1.0 - technology.bay_share[self.city])
        worth = (p.horizon * technology.gain * self.absorptive - technology.cost - aversion * risk
                 + p.peers * 0.5 * (share + technology.share[self.city]))
        price = technology.cost * 4.0 * self.sales
        return worth + p.noise * self.random.gauss(0.0, 1.0) > 0.0 and self.cash >= price + self.own_research


class Firm(Actor):
    """A firm."""


class Institute(Actor):
    """An institute: many fields, unlimited exchange, several partners a quarter."""

    is_firm = False


class Person(mesa.Agent):
    """A skilled person: looks at posts now and then and takes the best one."""

    def __init__(self, model, **given):
        super().__init__(model)
        self.__dict__.update(given)

    def value(self, employer, city: int, response: float) -> float:
        """Utility of a post without noise."""
        m, p = self.model, self.model.p.mobility
        value = m.city_value[city] + p.cluster_weight * m.cluster[city][self.field]
        if city != self.city:
            here = m.city_value[self.city] + p.cluster_weight * m.cluster[self.city][self.field]
            value = response * value + (1.0 - response) * here
            value -= p.travel_weight * math.log(1.0 + m.minutes[self.city][city] / 30.0)
            value -= p.border_weight * m.talent_barrier[self.city][city]
            value -= p.recognition_weight * m.unrecognised[self.origin][city]
        if employer.is_firm:
            value -= p.field_weight * (1.0 - m.related[self.field][employer.field])
        return value

    def choose(self):
        """The employer wanted, or None to stay."""
        m, p, random = self.model, self.model.p.mobility, self.random
        working = self.employer is not None
        if working and random.random() >= p.look:
            return None
        response = p.stayer_response if random.random() < p.stayer_share else 1.0
        if working:
            stay = self.value(self.employer, self.city, response) + p.stay_bonus
        else:
            stay = m.city_value[self.city] + p.cluster_weight * m.cluster[self.city][self.field] - 2.0
        best, wanted, noise = stay + gumbel(random), None, {}
        for _ in range(int(p.offers)):
            if random.random() < (p.local_share if working else p.local_share_idle):
                city = self.city
            else:
                city = m.open_cities[self.city].draw(random)
            employer = None if city is None else m.post_in(city)
            if employer is None or employer is self.employer:
                continue
            noise.setdefault(employer, gumbel(random))
            u = self.value(employer, city, response) + noise[employer]
            if u > best:
                best, wanted = u, employer
        return wanted


class Technology:
    """A tracked technology with the share of users by city and in the bay at the quarter's beginning."""

    def __init__(self, **given):
        self.__dict__.update(given)


class Core(mesa.Model):
    """A quarter of the core rules. What moves slowly (barriers, pools, wages, posts) is given by ``state.py``."""

    def __init__(self, seed: int):
        super().__init__(seed=seed)

    def firm_in(self, city: int, field: int):
        """A firm of a city: its field by relatedness, then somebody of that cell."""
        other = self.fields_seen[city][field].draw(self.random)
        return None if other is None else self.from_places(self.cells[city][other], self.places[city][other])

    def from_places(self, actors: list, places: int):
        """Who sits at a drawn place of a cell's table, of which many are empty. An agent that stands for less than the others is passed
        over by most draws (``passed``). After ``TRIES`` draws in vain somebody of the others is taken, else anybody."""
        for _ in range(TRIES):
            at = int(self.random.random() * places)
            if at < len(actors) and self.random.random() >= actors[at].passed:
                return actors[at]
        others = [actor for actor in actors if actor.passed == 0.0] or actors
        return self.random.choice(others) if others else None

    def member_of(self, alliance: int):
        """Who sits at one drawn place of an alliance's table."""
        at = int(self.random.random() * self.member_places)
        members = self.members[alliance]
        return members[at] if at < len(members) else None

    def post_in(self, city: int):
        """An employer with an open post in a city, up to six draws."""
        posts, places = self.posts[city]
        for _ in range(6):
            at = int(self.random.random() * places) if places else 0
            if at < len(posts):
                return posts[at]
        return None

    def step(self) -> None:
        """One quarter."""
        self.move_people()
        self.find_partners()
        self.share_knowledge()
        self.spread_technologies()

    def move_people(self) -> None:
        """People choose; oversubscribed employers take applicants by lot. Kept as ``hired``: (person, employer)."""
        wishes: dict[Actor, list[Person]] = {}
        for person in self.people:
            employer = person.choose()
            if employer is not None:
                wishes.setdefault(employer, []).append(person)
        self.hired = []
        for employer, applicants in wishes.items():
            self.random.shuffle(applicants)
            self.hired += [(person, employer) for person in applicants[: employer.vacancies]]

    def find_partners(self) -> None:
        """Everybody looks on the same state; proposals are settled by deferred acceptance."""
        for actor in self.actors:
            actor.smooth()
            actor.burden_cost = actor.cost()
        wishes = {actor: actor.look() for actor in self.actors}
        held: dict[Actor, list] = {}
        waiting = [actor for actor, proposals in wishes.items() if proposals]
        while waiting:
            actor = waiting.pop()
            while wishes[actor]:
                _, other, theirs = wishes[actor].pop(0)
                places = held.setdefault(other, [])
                places.append((theirs, id(actor), actor))
                if len(places) <= other.quota():
                    break
                places.sort(key=lambda found: found[:2])
                loser = places.pop(0)[2]
                if loser is not actor:
                    waiting.append(loser)
                    break
        self.new = []
        for other, places in held.items():
            for _, _, actor in places:
                if other not in actor.partners:
                    self.new.append(self.tie(actor, other))

    def tie(self, one: Actor, two: Actor) -> Tie:
        """A new tie; its weight is that of the thinned side."""
        firms = [actor.weight for actor in (one, two) if actor.is_firm]
        if len(firms) == 2 and one.unthinned != two.unthinned:  # a leader with another firm
            weight = max(firms)
        else:
            weight = sum(firms) / len(firms) if firms else 1.0
        common = set(one.alliances) & set(two.alliances)
        first = min(one, two, key=lambda actor: (actor.is_firm, actor.unique_id))
        shared = bool(common) and self.random.random() < self.sharing[first.city]
        tie = Tie(one, two, weight, shared)
        self.ties.append(tie)
        return tie

    def share_knowledge(self) -> None:
        """Partners teach each other by barter or freely, inventions are made, levels move; everybody reads the old levels."""
        p, change = self.p.learning, {actor: {} for actor in self.actors}
        self.learned = dict.fromkeys(self.actors, 0.0)
        for tie in self.ties:
            best = p.novelty_optimum_explore if tie.explore else p.novelty_optimum
            z = tie.one.distance(tie.two) / (2.0 * best)
            speed = p.alpha * max(0.0, 4.0 * z * (1.0 - z))
            gains = {learner: learner.learnable(teacher, speed * learner.absorptive)
                     for learner, teacher in ((tie.one, tie.two), (tie.two, tie.one))}
            totals = {learner: sum(gain.values()) for learner, gain in gains.items()}
            barter = not tie.explore and not tie.shared
            volume = min(totals.values())
            for learner, gain in gains.items():
                cut = (volume / totals[learner] if totals[learner] > 0.0 else 0.0) if barter else 1.0
                self.learned[learner] += cut * totals[learner]
                for key, value in gain.items():
                    change[learner][key] = change[learner].get(key, 0.0) + cut * value
        institutes = [actor for actor in self.actors if not actor.is_firm]
        ties, size = [0.0] * len(self.minutes), [1e-12] * len(self.minutes)
        for actor in institutes:
            ties[actor.city] += actor.degree()
            size[actor.city] += 1.0 + actor.size / 100.0
        self.even = [number / whole for number, whole in zip(ties, size, strict=True)]
        self.means = {actor: actor.mean_inventions() for actor in self.actors}
        self.made = made = {actor: self.count(mean) for actor, mean in self.means.items()}
        for actor in self.actors:
            # who is never thinned recombines with all its real inventions, their mean
            whole = math.floor(self.means[actor] / actor.thinned + self.random.random())
            actor.develop(change[actor], whole if actor.unthinned else made[actor])

    def count(self, mean: float) -> int:
        """Negative binomial: a Poisson count whose mean is gamma distributed."""
        if mean <= 0.0:
            return 0
        size = self.p.invention.dispersion
        rate = self.random.gammavariate(size, mean / size)
        limit, count, product = math.exp(-rate), 0, self.random.random()
        while product > limit:
            product *= self.random.random()
            count += 1
        return count

    def spread_technologies(self) -> None:
        """Firms hear of technologies and appraise them; everybody reads the users of the quarter's beginning."""
        firms, link = [actor for actor in self.actors if actor.is_firm], self.p.diffusion.link
        self.adopted = [(firm, technology) for technology in self.technologies for firm in firms
                        if technology not in firm.uses and self.related[firm.field][technology.field] >= link
                        and firm.hears_of(technology) and firm.adopts(technology)]
        for actor, technology in self.adopted:
            actor.uses.add(technology)
