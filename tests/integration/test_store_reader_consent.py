"""Who may not be scored is shown no cluster and no score, whatever rows of theirs are left."""

from __future__ import annotations

from afflux.names import Identity
from core_cases import CATALOG
from profile_store import AsyncProfileStore
from profile_store.contract import RowRequest
from profile_store.redis_store import RedisShardStore
from store_people import NOON, fold, known, link, purchase, shard_of_identity, stored, view, write

pytest_plugins = ["store_reading"]

EMAIL = Identity(b"email:1")


async def in_cluster(shards: RedisShardStore, who: Identity, cluster: int) -> None:
    """Put a served row into a cluster."""
    (reply,) = await shards.read([RowRequest(shard_of_identity(who), served=[who])])
    rows, (event_id,) = CATALOG.decode_served(list(reply.served))
    rows["cluster"] = cluster
    row = CATALOG.encode_rows(rows)[0] + event_id
    await write(shards, fragments={who: await stored(shards, who.decode())}, served={who: row})


async def test_a_refusal_of_one_identity_hides_the_cluster_of_all(
    shards: RedisShardStore, reader: AsyncProfileStore
) -> None:
    """Before it the cluster is there, alone too; after it neither, though the row still is."""
    await fold(shards, [purchase(1, 0, "crm:1", 30), view(2, 1, "email:1")])
    await link(shards, ("crm:1", "email:1"), day=1)
    await in_cluster(shards, EMAIL, 7)
    for fields in (None, ["cluster"]):
        assert (await known(reader, "crm", "1", fields=fields)).cluster == 7
    rows = CATALOG.decode_fragments([await stored(shards, "crm:1")])
    rows["consent"] = NOON + 5
    await write(shards, fragments={Identity(b"crm:1"): CATALOG.encode_rows(rows)[0]})
    for who in (("crm", "1"), ("email", "1")):
        for fields in (None, ["cluster", "scores"]):
            profile = await known(reader, *who, fields=fields)
            assert (profile.cluster, profile.scores) == (None, {})
            assert profile.opted_out == NOON + 5
