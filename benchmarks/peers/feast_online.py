"""The peer of reading: Feast's `get_online_features` on a Redis, run in a venv of its own.

Run by `benchmarks/feast_bench.py`: python feast_online.py PORT PEOPLE VALUES CALLS. Prints one JSON
object with the milliseconds of a call and its CPU. Nothing of Afflux is imported here.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Write features of some people, read them one person a call."""
    feast, np, pd = map(import_module, ("feast", "numpy", "pandas"))
    types = import_module("feast.types")

    port, people, values, calls = map(int, sys.argv[1:5])
    folder = Path(tempfile.mkdtemp())
    names = [f"value_{n}" for n in range(values)]
    frame = pd.DataFrame({name: np.random.default_rng(1).random(people) for name in names})
    frame["customer"] = [f"customer-{n}" for n in range(people)]
    frame["at"] = datetime.now(UTC)
    frame.to_parquet(folder / "values.parquet")
    store = feast.FeatureStore(
        config=feast.RepoConfig(
            project="bench", provider="local", registry=str(folder / "registry.db"),
            online_store={"type": "redis", "connection_string": f"127.0.0.1:{port}"},
            entity_key_serialization_version=3,
        )
    )  # fmt: skip
    customer = feast.Entity(
        name="customer", join_keys=["customer"], value_type=feast.ValueType.STRING
    )
    view = feast.FeatureView(
        name="profile", entities=[customer], ttl=timedelta(days=3650),
        schema=[
            feast.Field(name="customer", dtype=types.String),
            *(feast.Field(name=n, dtype=types.Float32) for n in names),
        ],
        source=feast.FileSource(path=str(folder / "values.parquet"), timestamp_field="at"),
    )  # fmt: skip
    store.apply([customer, view])
    store.write_to_online_store("profile", frame)
    wanted = [f"profile:{name}" for name in names]

    def read(n: int) -> dict[str, list[float]]:
        found: dict[str, list[float]] = store.get_online_features(
            features=wanted, entity_rows=[{"customer": f"customer-{n % people}"}]
        ).to_dict()
        return found

    assert abs(read(3)["value_0"][0] - frame["value_0"][3]) < 1e-6
    for n in range(calls // 10):
        read(n)
    took, cpu = [], time.process_time()
    for n in range(calls):
        began = time.perf_counter()
        read(n)
        took.append((time.perf_counter() - began) * 1000)
    used = (time.process_time() - cpu) / calls * 1000
    print(json.dumps({"p50": np.median(took), "p99": np.percentile(took, 99), "cpu": used}))


if __name__ == "__main__":
    main()
