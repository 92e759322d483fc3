"""Which provider is asked next. Pure: offers in, a ranking out, and a reason for each offer that is not in it.

An offer is refused, by the first of these that holds:

    size      it has too few threads, or too little memory
    price     a price is above the policy's cap for it (the fixed price's is 0 by default)
    budget    an attempt may cost more than the region has left
    banned    the node or its payee failed in a way that ends trust for this run
    avoided   the node failed this slot, or serves another slot of the region; or it shares its payee, or its network
              where that is listed, with a node that does
    payee     another one than the list holds for the node
    country   nothing tells it; or claim and list contradict each other; or it is not the region's

The rest are ranked: by the job's countries in their order, where the job lists any (the later ones are the fallback);
then by score, in twentieths, so that nearly equal ones count as equal; these in an order that SHA-256 of a seed and the
node's id gives, so that load spreads and the same input gives the same choice.

The score is a weighted sum of three shares from 0 to 1, each told with its reason (`beacon providers explain ID`):
reliability 0.6, price 0.25, speed 0.15. A node without a record has a reliability of a half, the prior's mean.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Generic, NamedTuple, Protocol, TypeVar

from runner.model.providers import KnownProvider
from runner.money import Terms, owed, plain
from runner.providers.reputation import History, Record

WEIGHTS = {"reliability": 0.6, "price": 0.25, "speed": 0.15}
STEPS = 20


class Offer(Protocol):
    """An offer of the market: who makes it (node and payee in lower case), the country that it says it is in, what it
    charges, and what it has."""

    @property
    def node(self) -> str: ...
    @property
    def payee(self) -> str: ...
    @property
    def country(self) -> str | None: ...
    @property
    def terms(self) -> Terms: ...
    @property
    def threads(self) -> int: ...
    @property
    def memory_gib(self) -> Decimal: ...


OfferT = TypeVar("OfferT", bound=Offer)


class Wanted(NamedTuple):
    """What an attempt needs. `countries` are the region's; `ordered` says that the job listed them itself. `seconds` is
    the most that it takes, `left` what the region may still spend (GLM). `avoid` and `banned` name nodes or payees.
    `seed` makes the choice among equals: the attempt's own name does."""

    region: str
    countries: tuple[str, ...]
    ordered: bool
    caps: Terms
    seconds: Decimal
    left: Decimal
    threads: int
    memory_gib: Decimal
    seed: str
    avoid: frozenset[str] = frozenset()
    banned: frozenset[str] = frozenset()


class Part(NamedTuple):
    """One share of a score, from 0 to 1, and why it is what it is."""

    name: str
    share: float
    weight: float
    why: str


class Score(NamedTuple):
    """The parts, and their weighted sum."""

    parts: tuple[Part, ...]

    @property
    def total(self) -> float:
        """From 0 to 1."""
        return sum(part.share * part.weight for part in self.parts)

    @property
    def step(self) -> int:
        """The total in twentieths: scores of one step count as equal."""
        return int(self.total * STEPS + 1e-9)

    def words(self) -> str:
        """`score 0.71: reliability 0.83 (…), price 0.50 (…), speed 0.50 (…)`."""
        return f"score {self.total:.2f}: " + ", ".join(f"{p.name} {p.share:.2f} ({p.why})" for p in self.parts)


class Choice(NamedTuple, Generic[OfferT]):
    """An offer that may be taken, and what its place rests on."""

    offer: OfferT
    country: str
    listed: KnownProvider | None
    score: Score


class Refused(NamedTuple, Generic[OfferT]):
    """An offer that may not be taken, and why: `reason` begins with one word and a colon."""

    offer: OfferT
    reason: str


class Ranking(NamedTuple, Generic[OfferT]):
    """Best first; and what was refused."""

    choices: tuple[Choice[OfferT], ...]
    refused: tuple[Refused[OfferT], ...]

    def why_none(self) -> str:
        """Why nobody can be hired, in words: how many offers each reason turned away."""
        counts = Counter(refused.reason.partition(":")[0] for refused in self.refused)
        told = ", ".join(f"{count} for {word}" for word, count in sorted(counts.items()))
        return f"{len(self.refused)} offers refused: {told}" if counts else "there are no offers"


def choose(
    offers: Iterable[OfferT], wanted: Wanted, known: Mapping[str, KnownProvider], history: History
) -> Ranking[OfferT]:
    """Rank the offers. Several offers of one node are ranked each."""
    offers = tuple(offers)
    busy = _Busy.of(offers, wanted.avoid, known)
    choices: list[Choice[OfferT]] = []
    refused: list[Refused[OfferT]] = []
    for offer in offers:
        listed = known.get(offer.node)
        country = listed.country if listed else offer.country
        reason = _refusal(offer, listed, wanted, busy)
        if reason or country is None:
            refused.append(Refused(offer, reason or "country: nothing tells it"))
        else:
            judged = score(history.of(offer.node, offer.payee), offer.terms, wanted.caps)
            choices.append(Choice(offer, country, listed, judged))
    choices.sort(key=lambda choice: _place(choice, wanted))
    return Ranking(tuple(choices), tuple(refused))


def score(record: Record, terms: Terms | None, caps: Terms) -> Score:
    """The score of a provider: by its offer's terms, or by what it took so far where there is no offer at hand."""
    return Score((_reliability(record), _price(record, terms, caps), _speed(record)))


class _Busy(NamedTuple):
    """Payees and networks of the nodes that are to be avoided, as far as offers or the list tell them."""

    payees: frozenset[str]
    networks: frozenset[str]

    @classmethod
    def of(cls, offers: Collection[Offer], avoid: frozenset[str], known: Mapping[str, KnownProvider]) -> _Busy:
        listed = [known[node] for node in avoid if node in known]
        payees = {offer.payee for offer in offers if offer.node in avoid} | {
            entry.payee for entry in listed if entry.payee
        }
        return cls(frozenset(payees) | avoid, frozenset(entry.network for entry in listed if entry.network))


def _refusal(offer: Offer, listed: KnownProvider | None, wanted: Wanted, busy: _Busy) -> str | None:
    """Why an offer is not taken, or None."""
    return (
        _unfit(offer, wanted)
        or _dear(offer, wanted)
        or _shunned(offer, listed, wanted, busy)
        or _elsewhere(offer, listed, wanted)
    )


def _unfit(offer: Offer, wanted: Wanted) -> str | None:
    if offer.threads < wanted.threads:
        return f"size: {offer.threads} threads, {wanted.threads} are wanted"
    if offer.memory_gib < wanted.memory_gib:
        return f"size: {plain(offer.memory_gib)} GiB of memory, {plain(wanted.memory_gib)} are wanted"
    return None


def _dear(offer: Offer, wanted: Wanted) -> str | None:
    names = ("for starting", "for a second", "for a second of a thread")
    for name, asked, cap in zip(names, offer.terms, wanted.caps, strict=True):
        if not asked.is_finite() or asked < 0:
            return "price: it is none"
        if asked > cap:
            return f"price: {plain(asked)} GLM {name}, at most {plain(cap)} is allowed"
    cost = owed(offer.terms, wanted.seconds, wanted.threads)
    if cost > wanted.left:
        return f"budget: an attempt may cost {plain(cost)} GLM, {plain(wanted.left)} is left for {wanted.region}"
    return None


def _shunned(offer: Offer, listed: KnownProvider | None, wanted: Wanted, busy: _Busy) -> str | None:
    if offer.node in wanted.banned or offer.payee in wanted.banned:
        return "banned: it is not trusted in this run any more"
    if offer.node in wanted.avoid:
        return "avoided: it failed this slot, or serves another one of the region"
    if offer.payee in busy.payees:
        return "avoided: its payee has another node in this region already"
    if listed and listed.network and listed.network in busy.networks:
        return f"avoided: another node of this region is in {listed.network}"
    if listed and listed.payee and listed.payee != offer.payee:
        return "payee: not the one that the list holds for this node"
    return None


def _elsewhere(offer: Offer, listed: KnownProvider | None, wanted: Wanted) -> str | None:
    if listed and offer.country and offer.country != listed.country:
        return f"country: it says {offer.country}, the list says {listed.country}"
    country = listed.country if listed else offer.country
    if country is None:
        return "country: nothing tells it"
    if country not in wanted.countries:
        return f"country: {country} is not in {wanted.region}"
    return None


def _place(choice: Choice[OfferT], wanted: Wanted) -> tuple[int, int, bytes]:
    country = wanted.countries.index(choice.country) if wanted.ordered else 0
    lot = hashlib.sha256(f"{wanted.seed}\n{choice.offer.node}".encode()).digest()
    return country, -choice.score.step, lot


def _reliability(record: Record) -> Part:
    if not record.attempts:
        return _part("reliability", record.reliability, "no record yet")
    weight = record.answered + record.failed
    attempts = f"{record.attempts} attempt{'' if record.attempts == 1 else 's'}"
    why = f"{attempts}, {record.answered:.1f} answered of a decayed {weight:.1f}"
    return _part("reliability", record.reliability, why)


def _price(record: Record, terms: Terms | None, caps: Terms) -> Part:
    """One where it is free, none at the cap. An hour of one thread is the measure."""
    cap = _hour(caps)
    if terms is not None:
        asked, told = float(_hour(terms)), "asks"
    elif record.hour is not None:
        asked, told = record.hour, "took"
    else:
        return _part("price", 0.5, "not known")
    share = 1 - min(1.0, asked / float(cap)) if cap else float(not asked)
    return _part("price", share, f"{told} {asked:.6g} GLM an hour, cap {float(cap):.6g}")


def _speed(record: Record) -> Part:
    """A half where it is as fast as the others, a third where it takes twice as long."""
    if record.speed is None:
        return _part("speed", 0.5, "not known")
    return _part("speed", 1 / (1 + record.speed), f"{record.speed:.2f} times the others' time per answer")


def _hour(terms: Terms) -> Decimal:
    return terms.start + (terms.second + terms.cpu_second) * 3600


def _part(name: str, share: float, why: str) -> Part:
    return Part(name, share, WEIGHTS[name], why)
