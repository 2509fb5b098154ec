"""A day with one `afflux up`: produce, read, watch, dead letters, rekey, doctor, end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime_broker import Broker
from runtime_cli import Up, afflux, gone, until
from streams.admin import Admin
from streams.bulk import BulkProducer
from streams.encoding import encode_events
from streams.settings import StreamSettings
from streams.topics import Topic

pytestmark = [pytest.mark.embedded, pytest.mark.slow, pytest.mark.timeout(180)]

DAY_MS = 86_400_000
START = 1_760_000_000_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running stack with a worker."""
    with Up(tmp_path_factory.mktemp("stack")) as up:
        yield up


def _settings(up: Up) -> StreamSettings:
    run = json.loads((up.folder / ".afflux" / "run.json").read_text())
    return StreamSettings.model_validate({"brokers": run["bootstrap"]})


def _purchase(person: str, number: int, **changes: object) -> dict[str, object]:
    return {
        "_id": f"{person}-{number}",
        "timestamp": START + number * DAY_MS,
        "eventType": "commerce.purchases",
        "identityMap": {"email": [{"id": person, "primary": True}]},
        "commerce": {"order": {"purchaseID": str(number), "priceTotal": 20.0 + number}},
        **changes,
    }


def _profile(up: Up, person: str) -> dict[str, object] | None:
    done = afflux("profile", "get", "email", person, "--json", cwd=up.folder)
    return json.loads(done.stdout) if done.returncode == 0 else None


def _with_purchases(up: Up, person: str, count: int) -> dict[str, object]:
    def look() -> dict[str, object] | None:
        found = _profile(up, person)
        if found is None:
            return None
        engagement = found["engagement"]
        assert isinstance(engagement, dict)
        return found if engagement["purchases"] == count else None

    found: dict[str, object] = until(look)
    return found


def test_json_lines_become_a_profile_and_score_updates(stack: Up) -> None:
    """Produce -> profile get -> watch scores: the same event, from one end to the other."""
    lines = [json.dumps(_purchase("ada@example.org", n)) for n in range(3)]
    iso = json.dumps(_purchase("ada@example.org", 3, timestamp="2025-10-12T08:53:20Z"))
    (stack.folder / "events.jsonl").write_text("\n".join([*lines, "", iso]) + "\n")
    crm = {
        "timestamp": START,
        "identityMap": {"email": [{"id": "ada@example.org"}]},
        "attributes": {"tier": "gold", "children": 2},
    }
    sent = afflux("produce", "events.jsonl", cwd=stack.folder)
    assert (sent.returncode, sent.stdout) == (0, "sent 4 events to experience-events\n")
    sent = afflux("produce", "-", "--into", "attributes", cwd=stack.folder, stdin=json.dumps(crm))
    assert sent.returncode == 0, sent.stderr

    found = _with_purchases(stack, "ada@example.org", 4)
    until(lambda: (_profile(stack, "ada@example.org") or {}).get("attributes"))
    found = _with_purchases(stack, "ada@example.org", 4)
    assert found["attributes"] == {"tier": "gold", "children": 2}
    scores = found["scores"]
    assert isinstance(scores, dict)
    assert {"churn", "engagement", "lifetime_value", "purchase_7d"} <= set(scores)
    assert scores["churn"]["event_id"] == "ada@example.org-3"

    shown = afflux("profile", "get", "email", "ada@example.org", cwd=stack.folder)
    assert "4 purchases for 86.00" in shown.stdout
    assert "tier: gold" in shown.stdout
    some = afflux(
        "profile", "get", "email", "ada@example.org", "--fields", "scores.churn,attributes.tier",
        cwd=stack.folder,
    )  # fmt: skip
    few = json.loads(some.stdout)
    assert set(few["scores"]) == {"churn"}
    assert few["attributes"] == {"tier": "gold"}

    ada = ("profile", "get", "email", "ada@example.org")
    late = afflux(*ada, "--fresh", "--at", "2025-11-11T08:53:20Z", "--json", cwd=stack.folder)
    fresh, last = json.loads(late.stdout), scores["churn"]
    score = fresh["scores"]["churn"]
    assert fresh["at"] == score["event_time"] == START + 33 * DAY_MS
    assert (score["event_id"], score["previous"]) == ("", last["value"])
    now = json.loads(afflux(*ada, "--fresh", "--json", cwd=stack.folder).stdout)
    assert last["event_time"] <= now["at"] < fresh["at"]
    assert "is no time" in afflux(*ada, "--at", "soon", cwd=stack.folder).stderr

    watched = afflux(
        "watch", "scores", "--from-start", "--profile", "email:ada@example.org", "--model", "churn",
        "--json", "--seconds", "3", cwd=stack.folder,
    )  # fmt: skip
    updates = [json.loads(line) for line in watched.stdout.splitlines()]
    assert updates
    assert {u["identity"] for u in updates} == {"email:ada@example.org"}
    assert updates[-1]["eventId"] == "ada@example.org-3"
    assert [s["model"] for s in updates[-1]["scores"]] == ["churn"]
    orders = [(u["positionOffset"], u["positionVersion"]) for u in updates]
    assert orders == sorted(set(orders))


def test_models_are_shown(stack: Up) -> None:
    """Every model with what it predicts; after so few events none has learned."""
    done = afflux("models", "show", "--json", cwd=stack.folder)
    shown = {m["model"]: m for m in map(json.loads, done.stdout.splitlines())}
    assert shown["churn"]["predicts"] == "no purchase within 14 days"
    assert {m["trusted"] for m in shown.values()} == {False}

    table = afflux("models", "show", "churn", cwd=stack.folder, env={"COLUMNS": "200"})
    assert "no purchase within" in table.stdout
    assert "lifetime" not in table.stdout
    unknown = afflux("models", "show", "chrun", cwd=stack.folder)
    assert unknown.returncode == 1
    assert "there is no model chrun" in unknown.stderr


def test_bad_lines_are_told_by_number_and_nothing_is_sent(stack: Up) -> None:
    """Exit 1, each bad line with its number and field; --skip-bad sends the others."""
    lines = [
        json.dumps(_purchase("bob@example.org", 0)),
        "{not json",
        json.dumps(_purchase("bob@example.org", 1) | {"identityMap": {}}),
        json.dumps(_purchase("bob@example.org", 2) | {"evenType": "typo"}),
        json.dumps(_purchase("bob@example.org", 3, commerce={"order": {"priceTotal": -1.0}})),
    ]
    (stack.folder / "bad.jsonl").write_text("\n".join(lines))
    done = afflux("produce", "bad.jsonl", cwd=stack.folder)
    assert done.returncode == 1
    assert [line for line in (2, 3, 4, 5) if f"line {line}:" in done.stderr] == [2, 3, 4, 5]
    assert "evenType" in done.stderr
    assert "/commerce/order/priceTotal" in done.stderr
    assert "nothing was sent" in done.stderr
    assert "Traceback" not in done.stderr
    assert _profile(stack, "bob@example.org") is None
    done = afflux("produce", "bad.jsonl", "--skip-bad", cwd=stack.folder)
    assert done.stdout == "sent 1 events to experience-events\n"
    _with_purchases(stack, "bob@example.org", 1)


def test_an_unknown_person_is_exit_code_one(stack: Up) -> None:
    """Nothing known is said on standard error, without a trace."""
    done = afflux("profile", "get", "email", "nobody@example.org", cwd=stack.folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing is known of email:nobody@example.org" in done.stderr


def test_dead_letters_are_listed_shown_and_replayed_once(stack: Up) -> None:
    """A record in a wrong partition: listed with its reason, replayed into the right one, once."""
    value = encode_events([_purchase("carol@example.org", 0)])[0]
    producer = BulkProducer(_settings(stack))
    # The key of someone else: it lands where carol's shard is not, for at least one of these.
    for number in range(8):
        producer.produce("experience-events", f"email:{number}".encode(), value)
    producer.produce("experience-events", b"email:x", b"{}")
    producer.flush()

    def letters() -> list[dict[str, object]]:
        done = afflux("dlq", "list", "--json", cwd=stack.folder)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return found if any(x["code"] == "unknown_frame" for x in found) else []

    found = until(letters)
    wrong = [x for x in found if x["code"] == "wrong_partition"]
    assert wrong
    text = afflux("dlq", "list", "--code", "wrong_partition", cwd=stack.folder).stdout
    assert str(wrong[0]["record"]) in text
    assert "unknown_frame" not in text

    shown = afflux("dlq", "show", str(wrong[0]["record"]), "--json", cwd=stack.folder)
    content = json.loads(shown.stdout)["content"]
    assert content["_id"] == "carol@example.org-0"
    assert afflux("dlq", "show", "experience-events/0/99999999", cwd=stack.folder).returncode == 1

    replay = ["dlq", "replay", "--code", "wrong_partition"]
    done = afflux(*replay, cwd=stack.folder)
    assert f"replayed {len(wrong)} records to experience-events" in done.stdout, done.stderr
    _with_purchases(stack, "carol@example.org", 1)
    done = afflux(*replay, cwd=stack.folder)
    assert "replayed 0 records to experience-events" in done.stdout
    assert afflux("dlq", "replay", "--code", "nonsense", cwd=stack.folder).returncode == 1


def test_any_topic_is_rekeyed_exactly_once(stack: Up) -> None:
    """Records with null keys reach their people; a second run copies nothing."""
    settings, source = _settings(stack), Broker.unique("legacy")
    Admin(settings).create(3, [Topic(source, "", (), "delete", "", "")])
    producer = BulkProducer(settings)
    for value in encode_events([_purchase(f"p{n}@example.org", n % 5) for n in range(40)]):
        producer.produce(source, None, value)
    producer.flush()
    done = afflux("rekey", source, cwd=stack.folder)
    assert done.stdout == f"copied 40 records from {source} to experience-events\n", done.stderr
    done = afflux("rekey", source, cwd=stack.folder)
    assert done.stdout.startswith("copied 0 records")
    for n in (0, 17, 39):
        _with_purchases(stack, f"p{n}@example.org", 1)


def test_doctor_and_topics_know_the_stack(stack: Up) -> None:
    """A healthy stack: exit 0, nothing bad; topics as the table says."""
    done = afflux("doctor", "--json", cwd=stack.folder)
    findings = json.loads(done.stdout)
    assert done.returncode == 0
    assert {f["what"] for f in findings} >= {"secret", "schemas", "kafka", "topics", "redis"}
    rows = json.loads(afflux("topics", "describe", "--json", cwd=stack.folder).stdout)
    by_name = {row["topic"]: row for row in rows}
    assert by_name["experience-events"]["partitions"] == 4
    assert by_name["training-examples"]["partitions"] == 1
    assert by_name["experience-events"]["records"] > 0


def test_doctor_names_what_is_wrong(stack: Up, tmp_path: Path) -> None:
    """Other partitions than set, a broker that is away, no secret: exit 1, each with a hint."""
    done = afflux("doctor", cwd=stack.folder, env={"AFFLUX_PARTITIONS": "6"})
    run = json.loads((stack.folder / ".afflux" / "run.json").read_text())
    assert done.returncode == 0, "the running stack knows better than the setting"
    env = {
        "AFFLUX_KAFKA_BOOTSTRAP": run["bootstrap"], "AFFLUX_REDIS_URL": run["redis_url"],
        "AFFLUX_PARTITIONS": "6",
    }  # fmt: skip
    done = afflux("doctor", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert "input topics have 4 partitions, AFFLUX_PARTITIONS says 6" in done.stdout
    assert "AFFLUX_SECRET is not set" in done.stdout
    away = {"AFFLUX_KAFKA_BOOTSTRAP": "127.0.0.1:9", "AFFLUX_REDIS_URL": "redis://127.0.0.1:9",
            "AFFLUX_KAFKA_TIMEOUT_S": "1"}  # fmt: skip
    done = afflux("doctor", cwd=tmp_path, env=away)
    assert done.returncode == 1
    assert "✗ kafka" in done.stdout
    assert "✗ redis" in done.stdout
    assert "Traceback" not in done.stderr


def test_up_ends_cleanly_and_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C: the worker shuts down with code 0, every process ends, run.json goes."""
    with Up(tmp_path) as up:
        pids = up.pids
        assert len(pids) == 3
        run = json.loads((tmp_path / ".afflux" / "run.json").read_text())
        second = afflux("up", cwd=tmp_path)
        assert second.returncode == 1
        assert "already runs" in second.stderr
        code = up.stop()
    assert code == 0, up.said
    assert run["partitions"] == 4
    until(lambda: all(map(gone, pids)))
    assert not (tmp_path / ".afflux" / "run.json").exists()
    log = (tmp_path / ".afflux" / "logs" / "worker-0.log").read_text()
    assert "Traceback" not in log
