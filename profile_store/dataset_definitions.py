"""Which data sets and merge policies there are: one record, replaced under a new version."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from afflux.datasets import BUILT_IN, FIRST_FREE, DatasetError, Declaration, checked
from afflux.merge_policy import DEFAULT_POLICY, POLICIES, MergePolicy, Ordering
from afflux.names import AffluxError, Dataset
from profile_store.errors import StoreMisconfigured
from profile_store.stored import Reading

FORMAT = 1

SETTLED_MS = 5_000
"""Workers look for changes every second: so long after one none of them goes by the old state."""


_POLICY = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class UnknownPolicy(AffluxError, ValueError):
    """There is no merge policy of that name."""


@dataclass(frozen=True, slots=True)
class Datasets:
    """All data sets, and the policies by which they are merged.

    Attributes:
        version: one more with every change; 0 where nothing was ever declared.
        declared: by name; the built-in ones, too, which may be switched and ranked.
        free: number of the next topic.
        policies: merge policies by name, the built-in ones too.
        default: name of the policy that counts where none is asked for; workers go by it.
    """

    version: int = 0
    declared: Mapping[str, Declaration] = field(
        default_factory=lambda: {one.name: one for one in BUILT_IN}
    )
    free: int = FIRST_FREE
    policies: Mapping[str, MergePolicy] = field(default_factory=lambda: dict(POLICIES))
    default: str = DEFAULT_POLICY

    @property
    def by_number(self) -> list[Declaration]:
        """In the order of their topics in positions."""
        return sorted(self.declared.values(), key=lambda one: one.number)

    @property
    def records(self) -> list[Declaration]:
        """Those with attributes, the built-in one first."""
        return [one for one in self.by_number if one.kind == "record"]

    def ordering(self, policy: MergePolicy | None = None) -> Ordering:
        """What a policy means for these data sets; without one the default policy."""
        return Ordering.of(policy or self.policies[self.default], self.declared.values())

    def reading(self, policy: MergePolicy | str | None = None) -> Reading:
        """How people are read by a policy; without one by the default. Raises UnknownPolicy."""
        if policy is None:
            policy = self.default
        if isinstance(policy, str):
            policy = self.policy(policy)
        records = tuple(one.name for one in self.records)
        return Reading(policy, self.ordering(policy), records)

    def policy(self, name: str) -> MergePolicy:
        """A policy by name. Raises UnknownPolicy.

        >>> Datasets().policy("unstitched").stitching
        'none'
        """
        found = self.policies.get(name)
        if found is None:
            known = ", ".join(self.policies)
            raise UnknownPolicy(f"there is no merge policy {name}; there are: {known}")
        return found

    def with_policy(self, name: str, policy: MergePolicy) -> Datasets:
        """With a new or another policy. Raises DatasetError."""
        if name in POLICIES:
            raise DatasetError(f"{name} is built in and stays as it is")
        if not _POLICY.fullmatch(name):
            raise DatasetError(
                f"{name!r} is no name of a policy: small letters, digits, - and _, at most 40, a "
                "letter first"
            )
        if policy.order and policy.attributes != "dataSetPrecedence":
            raise DatasetError("an order of data sets goes with dataSetPrecedence only")
        for dataset in policy.order:
            if self.one(dataset).kind != "record":
                raise DatasetError(f"{dataset} has no attributes to choose from")
        if len(set(policy.order)) < len(policy.order):
            raise DatasetError("a data set is listed twice")
        if self.policies.get(name) == policy:
            return self
        return self._with_policies({**self.policies, name: policy})

    def without_policy(self, name: str) -> Datasets:
        """Without a policy. Raises DatasetError, UnknownPolicy."""
        self.policy(name)
        if name in POLICIES:
            raise DatasetError(f"{name} is built in and stays")
        if name == self.default:
            raise DatasetError(f"{name} is the default: make another one the default first")
        left = {other: policy for other, policy in self.policies.items() if other != name}
        return self._with_policies(left)

    def with_default(self, name: str) -> Datasets:
        """With another default policy. Raises UnknownPolicy."""
        self.policy(name)
        if name == self.default:
            return self
        return replace(self, version=self.version + 1, default=name)

    def _with_policies(self, policies: Mapping[str, MergePolicy]) -> Datasets:
        return replace(self, version=self.version + 1, policies=policies)

    def one(self, name: str) -> Declaration:
        """A data set. Raises DatasetError."""
        found = self.declared.get(name)
        if found is None:
            known = ", ".join(self.declared)
            raise DatasetError(f"there is no data set {name}; there are: {known}")
        return found

    def fields_of(self, dataset: Declaration) -> Mapping[str, str]:
        """Declared fields of its attributes, by those of what it changes if it has patches."""
        of = self.declared.get(dataset.of) if dataset.of else None
        return dataset.fields if of is None else of.fields

    def created(self, wanted: Declaration) -> Datasets:
        """With a new data set, whose number is given here. Raises DatasetError.

        What is there already may get more fields, for schemas only grow; all else must be equal.

        >>> crm = Declaration(Dataset("crm"), "record", "crm-records", 0)
        >>> some = Datasets().created(crm)
        >>> some.one("crm").number, some.version, some.created(crm) == some
        (3, 1, True)
        """
        there = self.declared.get(wanted.name)
        if there is not None:
            return self._grown(there, wanted)
        if any(one.topic == wanted.topic for one in self.declared.values()):
            raise DatasetError(f"the topic {wanted.topic} is that of another data set")
        made = checked(replace(wanted, number=self.free))
        if made.of and self.one(made.of).kind != "record":
            raise DatasetError(f"{made.of} is no record data set: there is nothing to patch")
        return replace(self._with(made), free=self.free + 1)

    def _grown(self, there: Declaration, wanted: Declaration) -> Datasets:
        same = replace(
            wanted, number=there.number, enabled=there.enabled, fields=there.fields,
            changed_at=there.changed_at,
        )  # fmt: skip
        if same != there:
            raise DatasetError(
                f"there is a data set {there.name} already, and another one: see `afflux datasets "
                f"describe {there.name}`"
            )
        more = checked(wanted).fields
        if dict(more) == dict(there.fields):
            return self
        gone = [name for name, kind in there.fields.items() if more.get(name) != kind]
        if gone or not there.fields:
            what = ", ".join(gone) or "all fields, of which it has none declared"
            raise DatasetError(
                f"fields are added, never removed or given another type; {there.name}: {what}"
            )
        return self._with(replace(there, fields=more, changed_at=wanted.changed_at))

    def switched(self, name: str, enabled: bool, now: int) -> Datasets:
        """With a data set on or off. now: wall clock, ms. Raises DatasetError."""
        there = self.one(name)
        if there.enabled == enabled:
            return self
        return self._with(replace(there, enabled=enabled, changed_at=now))

    def deleted(self, name: str, now: int) -> Datasets:
        """Without a data set that has been off for long enough. Raises DatasetError."""
        there = self.one(name)
        if there.built_in:
            raise DatasetError(f"{name} is built in: it may be disabled, not deleted")
        if there.enabled:
            raise DatasetError(f"{name} is enabled: `afflux datasets disable {name}` comes first")
        patched = [one.name for one in self.declared.values() if one.of == name]
        if patched:
            raise DatasetError(f"{', '.join(patched)} has patches of {name}: delete that first")
        for policy, one in self.policies.items():
            if name in one.order:
                raise DatasetError(f"the merge policy {policy} lists {name}")
        wait = there.changed_at + SETTLED_MS - now
        if wait > 0:
            raise DatasetError(
                f"{name} was disabled just now, and workers may be writing to it still: again in "
                f"{-(-wait // 1000)} s"
            )
        left = {other: one for other, one in self.declared.items() if other != name}
        return replace(self, version=self.version + 1, declared=left)

    def _with(self, one: Declaration) -> Datasets:
        return replace(self, version=self.version + 1, declared={**self.declared, one.name: one})

    def encode(self) -> bytes:
        """Canonical JSON; b"" where nothing was ever declared."""
        if not self.version:
            return b""
        content = {
            "format": FORMAT,
            "version": self.version,
            "free": self.free,
            "datasets": [asdict(one) for one in self.by_number],
            "default": self.default,
            "policies": {
                name: asdict(policy)
                for name, policy in self.policies.items()
                if name not in POLICIES
            },
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

    @staticmethod
    def decode(data: bytes) -> Datasets:
        """From the stored form; b"" is what every installation has. Raises StoreMisconfigured."""
        if not data:
            return Datasets()
        try:
            content: Any = json.loads(data)
            if content["format"] != FORMAT:
                raise StoreMisconfigured(
                    f"data sets were declared by a newer Afflux (format {content['format']})"
                )
            stored = {one["name"]: Declaration(**one) for one in content["datasets"]}
            found = {**{one.name: one for one in BUILT_IN}, **stored}.values()
            declared: dict[str, Declaration] = {one.name: checked(one) for one in found}
            own = {
                name: MergePolicy(**{**policy, "order": tuple(policy["order"])})
                for name, policy in content.get("policies", {}).items()
            }
            default = content.get("default", DEFAULT_POLICY)
            some = Datasets(
                content["version"], declared, content["free"], {**POLICIES, **own}, default
            )
            some.policy(default)
            return some
        except (ValueError, KeyError, TypeError, DatasetError) as error:
            raise StoreMisconfigured(
                f"the declarations of data sets are damaged: {error!r}"
            ) from None


class DatasetStore(Protocol):
    """Where the record is kept."""

    async def datasets(self) -> bytes:
        """The stored record, b"" if there is none."""
        ...

    async def swap_datasets(self, found: bytes, wanted: bytes) -> bool:
        """Replace what was `found` (b"" for none); False if it is another by now."""
        ...


__all__ = ["SETTLED_MS", "Dataset", "DatasetStore", "Datasets"]
