"""Receipts: signed, nameless, done when the positions say so; when Kafka has dropped records."""

from __future__ import annotations

import pytest

from afflux.names import Identity
from afflux.position import Position, TopicPosition
from afflux.shards import murmur2, partition_of
from profile_store.standing import Standing
from streams.enrich.outbox import Outbox
from streams.privacy.receipts import Place, Receipt, ReceiptError
from streams.privacy.retention import gone_by
from streams.topics import TOPICS

SECRET = b"secret"
PEOPLE = [Identity(b"crm:ann"), Identity(b"email:ann@example.org")]
DAY = 86_400_000


def receipt() -> Receipt:
    """Of two identities in four partitions, 64 shards."""
    ends = {(t, p): 10 + p for t in ("experience-events", "profile-attributes") for p in range(4)}
    return Receipt.of(1_700_000_000_000, PEOPLE, ends, 64, 4)


def standing(offset: int, outbox: bytes = b"") -> Standing:
    """A shard whose position is at this offset in both topics."""
    topic = TopicPosition(b"t" * 16, offset)
    return Standing(Position(1, (topic, topic), 1).encode(), outbox)


def test_it_names_nobody_and_cannot_be_made_up() -> None:
    """Text of one installation only; every changed character is noticed."""
    text = receipt().encode(SECRET)
    assert Receipt.decode(text, SECRET) == receipt()
    assert "ann" not in text
    for wrong in ("", "x", text[:-1], text[:5] + ("A" if text[5] != "A" else "B") + text[6:]):
        with pytest.raises(ReceiptError):
            Receipt.decode(wrong, SECRET)
    with pytest.raises(ReceiptError):
        Receipt.decode(text, b"other")


def test_places_are_shards_of_both_topics() -> None:
    """Each identity's shard has to be past the end of its partition."""
    homes = partition_of(murmur2(PEOPLE), 4).tolist()
    places = receipt().places
    assert len(places) == 4
    assert {(p.topic, p.end) for p in places} == {(t, 10 + h) for t in (0, 1) for h in homes}
    assert all(p.shard % 4 == p.end - 10 for p in places)


def test_it_is_done_when_all_shards_are_past_it_and_have_announced() -> None:
    """One behind, one without a position, or a retraction in an outbox: pending."""
    one = Receipt(1, (Place(0, 7, 5), Place(1, 9, 5)))
    assert one.is_done({7: standing(5), 9: standing(6)})
    assert not one.is_done({7: standing(4), 9: standing(6)})
    assert not one.is_done({7: standing(5), 9: Standing(b"", b"")})
    box = Outbox(retracted=[Identity(b"crm:1")]).encode()
    assert not one.is_done({7: standing(5, box), 9: standing(6)})
    box = Outbox(owners=[Identity(b"crm:1")]).encode()
    assert one.is_done({7: standing(5, box), 9: standing(6)})


def test_every_topic_lets_go() -> None:
    """As we create them no topic keeps what was written of a person for ever."""
    for topic in TOPICS:
        found = gone_by(topic.configs, 0)
        assert found.values is not None, topic.name
        assert found.keys is not None
        assert DAY <= found.values <= found.keys <= 92 * DAY


@pytest.mark.parametrize(
    ("configs", "why"),
    [
        ({}, "does not tell"),
        ({"cleanup.policy": "delete"}, "does not tell"),
        ({"cleanup.policy": "delete", "retention.ms": "-1", "segment.ms": "1"}, "-1"),
        (
            {
                "cleanup.policy": "compact",
                "max.compaction.lag.ms": "9223372036854775807",
                "delete.retention.ms": "1",
            },
            "no time is promised",
        ),
    ],
)
def test_where_there_is_no_time_it_says_why(configs: dict[str, str], why: str) -> None:
    """No time is made up."""
    found = gone_by(configs, 0)
    assert (found.values, found.keys) == (None, None)
    assert why in found.why
