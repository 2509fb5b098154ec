"""Hypothesis strategies for the wire: events, schema trees with values, and damaged bytes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from streams.avro_tree import (
    Field,
    ListOf,
    MapOf,
    Maybe,
    Node,
    OneOf,
    Record,
    RefusedSchema,
    Scalar,
)
from streams.pyruhvro_guard import check_size
from wire_cases import NOW

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
longs = st.integers(-(2**63), 2**63 - 1)
doubles = st.floats(allow_nan=True, allow_infinity=True)
money = st.floats(0, 1e6) | st.just(0.0) | st.integers(0, 1000).map(float)
namespaces = st.sampled_from(["crm", "email", "ECID", "a.b-c_1"])
event_types = st.sampled_from(
    ["commerce.purchases", "commerce.productViews", "web.webpagedetails.pageViews", "acme.other"]
)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The value or null."""
    return st.none() | strategy


identity_items = st.fixed_dictionaries(
    {"id": words, "authenticatedState": optional(texts), "primary": st.booleans()}
)
identity_maps = st.dictionaries(
    namespaces, st.lists(identity_items, min_size=1, max_size=3), min_size=1, max_size=3
)
categories = st.lists(
    st.fixed_dictionaries({"categoryID": optional(texts), "categoryName": optional(texts)}),
    max_size=2,
)
items = st.lists(
    st.fixed_dictionaries(
        {
            "SKU": optional(words),
            "name": optional(texts),
            "quantity": optional(st.integers(0, 1000)),
            "priceTotal": optional(money),
            "productCategories": categories,
        }
    ),
    max_size=4,
)
orders = st.fixed_dictionaries(
    {"purchaseID": optional(words), "priceTotal": optional(money), "currencyCode": optional(words)}
)
pages = st.fixed_dictionaries(
    {
        "name": optional(texts),
        "URL": optional(texts),
        "siteSection": optional(texts),
        "tags": st.lists(texts, max_size=3),
    }
)
custom = st.dictionaries(texts, texts | doubles | longs | st.booleans(), max_size=3)

events = st.fixed_dictionaries(
    {
        "_id": words,
        "timestamp": st.integers(NOW - 10**10, NOW),
        "eventType": optional(event_types),
        "identityMap": identity_maps,
        "commerce": optional(
            st.fixed_dictionaries(
                {"order": optional(orders), "promotionID": optional(texts), "cartID": st.none()}
            )
        ),
        "productListItems": items,
        "web": optional(
            st.fixed_dictionaries({"webPageDetails": optional(pages), "webReferrer": st.none()})
        ),
        "device": optional(
            st.fixed_dictionaries(
                {
                    "type": optional(texts),
                    "manufacturer": optional(texts),
                    "model": st.none(),
                    "screenHeight": optional(longs),
                    "screenWidth": optional(longs),
                }
            )
        ),
        "marketing": st.none(),
        "custom": custom,
    }
)
"""Valid events with every field written out."""

_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": texts,
    "long": longs,
    "double": doubles,
    "float": st.floats(width=32),
    "boolean": st.booleans(),
}
scalars = st.sampled_from(["string", "long", "double", "float", "boolean"]).map(
    lambda kind: Scalar(kind)  # type: ignore[arg-type]
)
unions = st.lists(
    st.sampled_from(["string", "long", "double", "boolean"]), min_size=2, max_size=4, unique=True
).map(lambda kinds: OneOf(tuple(Scalar(k) for k in kinds)))  # type: ignore[arg-type]


def _record(nodes: list[Node]) -> Record:
    return Record("R", tuple(Field(f"f{i}", node, True) for i, node in enumerate(nodes)))


def _deeper(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    plain = inner.filter(lambda node: not isinstance(node, Maybe | OneOf))
    lists: st.SearchStrategy[Node] = inner.map(ListOf) | inner.map(MapOf)
    maybe: st.SearchStrategy[Node] = st.builds(Maybe, plain, st.booleans())
    return lists | maybe | st.lists(inner, min_size=1, max_size=4).map(_record)


nodes: st.SearchStrategy[Node] = st.recursive(scalars | unions, _deeper, max_leaves=8)


def _is_safe(tree: Record) -> bool:
    try:
        check_size(tree)
    except RefusedSchema:
        return False
    return True


records = st.lists(nodes, min_size=1, max_size=4).map(_record).filter(_is_safe)
"""Schema trees of everything that can be said and is safe to decode."""


def values(node: Node) -> st.SearchStrategy[Any]:
    """Values of a node as fastavro writes them."""
    match node:
        case Scalar(kind):
            return _SCALARS[kind]
        case Maybe(inner):
            return st.none() | values(inner)
        case OneOf(branches):
            return st.one_of([st.tuples(st.just(b.kind), _SCALARS[b.kind]) for b in branches])
        case ListOf(element):
            return st.lists(values(element), max_size=3)
        case MapOf(element):
            return st.dictionaries(texts, values(element), max_size=3)
        case Record(_, fields):
            return st.fixed_dictionaries({f.name: values(f.node) for f in fields})


@st.composite
def damaged(draw: st.DrawFn, good: st.SearchStrategy[bytes]) -> bytes:
    """Good bytes after a few changes: overwritten, cut out, put in, cut off."""
    data = bytearray(draw(good))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["overwrite", "remove", "insert", "cut", "ones"])):
            case "overwrite":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "remove":
                del data[at : at + draw(st.integers(1, 9))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=11))
            case "cut":
                del data[at:]
            case "ones":
                data[at:at] = b"\xff" * draw(st.integers(1, 11))
    return bytes(data)
