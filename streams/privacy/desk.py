"""Answers requests of people: what is kept of them, and that it goes.

Used by the command line and by the HTTP API.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from time import time
from typing import Any

from afflux.identity import profile_id_of
from afflux.names import AffluxError, Identity
from models.cluster_log import CLUSTERS, decode
from models.envelope import SnapshotError
from profile_store import AsyncProfileStore, StoreMisconfigured
from profile_store.dossier import dossier
from profile_store.reader import identity_of
from streams.dataset_topics import all_topics
from streams.ports import Delivery
from streams.privacy.asking import asked, both_ends, signed, without_attributes
from streams.privacy.holdings import Configs, holdings, what_was_done
from streams.privacy.receipts import Receipt

Allowed = Callable[[Sequence[Identity]], None]
"""Raises where the caller may not have all of these identities."""

_STORES = (
    ("fragments and open examples", "a tombstone: the time of the delete, under the identity"),
    ("attributes", "deleted"),
    ("scores, factors and served values", "deleted"),
    ("links, also those that others had to this person", "deleted"),
    ("timelines of events", "deleted"),
    ("deadlines", "deleted"),
    ("interests", "deleted"),
    ("memberships of audiences, and their lists of members", "deleted"),
    ("habits in the sample that clusters are learned from", "the learner drops them"),
)


class NoSecret(AffluxError):
    """Control records cannot be signed: AFFLUX_SECRET is not set."""


class PrivacyDesk:
    """secret: signs control records, b"" where there is none. delivery: called when needed.

    configs: the settings of topics as the broker has them now.
    """

    def __init__(
        self,
        reader: AsyncProfileStore,
        delivery: Callable[[], Delivery],
        configs: Callable[[Sequence[str]], Awaitable[Configs]],
        secret: bytes,
        clock: Callable[[], float] = time,
    ) -> None:
        self._reader, self._delivery, self._configs = reader, delivery, configs
        self._secret, self._clock = secret, clock

    async def export(
        self, namespace: str, id: str, allowed: Allowed = lambda identities: None
    ) -> dict[str, Any] | None:
        """Everything that is kept of the whole person; None where nothing is."""
        found = await self._reader.find([(namespace, id)])
        (person,) = found.people
        allowed([stored.identity for stored in person])
        identities = [stored.identity for stored in person]
        places = await self._reader.places(identities)
        content = await dossier(found, places, await self._reader.timelines(identities))
        if content is None:
            return None
        installation = found.known[0]
        await self._add_samples(content["identities"], identities)
        datasets = await self._reader.datasets()
        return {**content, "topics": holdings(identities, installation.partitions, datasets)}

    async def _add_samples(
        self, kept: Sequence[dict[str, Any]], identities: Sequence[Identity]
    ) -> None:
        """What clusters are learned from holds some people's habits, under a hash."""
        (data,) = await self._reader.snapshots([CLUSTERS])
        if data is None:
            return
        try:
            snapshot = decode(data)
        except SnapshotError as error:
            raise StoreMisconfigured(str(error)) from None
        for one, identity in zip(kept, identities, strict=True):
            habits = snapshot.habits_of(identity)
            if habits is not None:
                one["cluster_sample"] = habits

    async def delete(
        self, namespace: str, id: str, allowed: Allowed = lambda identities: None
    ) -> tuple[str, str]:
        """Ask that a person be forgotten, with all identities; the receipt, and who, as a profile.

        The requests are in Kafka, acknowledged, on return. Raises NoSecret, ValueError.
        """
        people, profile = await self._person(namespace, id, allowed)
        at = round(self._clock() * 1000)
        request = f"delete-{secrets.token_hex(8)}"
        installation = await self._reader.installation()
        partitions = installation.partitions
        controls = [asked("delete", who, at, request) for who in people]
        messages = signed(controls, self._key(), partitions)
        datasets = await self._reader.datasets()
        messages += without_attributes(people, partitions, [d.topic for d in datasets.records])
        ends = await self._delivery().send(messages)
        numbers = {one.topic: one.number for one in datasets.by_number}
        receipt = Receipt.of(at, people, ends, installation.shards, partitions, numbers)
        return receipt.encode(self._key()), profile

    async def receipt(self, text: str) -> dict[str, Any]:
        """How far a delete is, and what was done where. Raises ReceiptError, NoSecret."""
        receipt = Receipt.decode(text, self._key())
        shards = receipt.shards
        standings = await self._reader.standings(shards)
        done = receipt.is_done(dict(zip(shards, standings, strict=True)))
        installation = await self._reader.installation()
        models = installation.layout(installation.current).models
        datasets = await self._reader.datasets()
        configs = await self._configs([topic.name for topic in all_topics(datasets)])
        return {
            "receipt": text,
            "state": "done" if done else "pending",
            "requested_at": receipt.at,
            "stores": [
                {"store": "redis", "held": held, "done": how if done else "pending"}
                for held, how in _STORES
            ],
            "topics": what_was_done(configs, receipt.at, datasets),
            "models": [
                {"model": model.name, "done": "learns nothing more; weights are not undone"}
                for model in models
            ],
        }

    async def consent(
        self, namespace: str, id: str, *, scoring: bool, allowed: Allowed = lambda identities: None
    ) -> tuple[str, str]:
        """Say for all identities whether the person may be scored; receipt and profile id."""
        people, profile = await self._person(namespace, id, allowed)
        at = round(self._clock() * 1000)
        kind = "opt_in" if scoring else "opt_out"
        request = f"consent-{secrets.token_hex(8)}"
        installation = await self._reader.installation()
        controls = [asked(kind, who, at, request) for who in people]
        messages = signed(controls, self._key(), installation.partitions)
        ends = await self._delivery().send(messages)
        receipt = Receipt.of(at, people, ends, installation.shards, installation.partitions)
        return receipt.encode(self._key()), profile

    async def identities(self, namespace: str, id: str) -> dict[str, Any]:
        """A person's links, explained. Raises ValueError."""
        return await self._reader.identities(namespace, id)

    async def link(self, a: Identity, b: Identity, *, together: bool) -> None:
        """Link two identities, or cut their link, at both ends. Returns once it is in Kafka."""
        at = round(self._clock() * 1000)
        kind = "edge" if together else "unlink"
        request = f"{kind}-{secrets.token_hex(8)}"
        installation = await self._reader.installation()
        controls = both_ends(kind, a, b, at, request)
        await self._delivery().send(signed(controls, self._key(), installation.partitions))

    async def _person(
        self, namespace: str, id: str, allowed: Allowed
    ) -> tuple[list[Identity], str]:
        self._key()
        found = await self._reader.find([(namespace, id)], ["identities"])
        (person,) = found.people
        people = [stored.identity for stored in person] or [identity_of(namespace, id)]
        allowed(people)
        return people, profile_id_of(people)

    def _key(self) -> bytes:
        if not self._secret:
            raise NoSecret("no key for control records: AFFLUX_SECRET is not set")
        return self._secret
