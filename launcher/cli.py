"""The `afflux` command: one small file for each of its commands."""

from __future__ import annotations

import os
import sys

import typer

from afflux.names import AffluxError
from launcher.commands.api import api
from launcher.commands.archive import archive
from launcher.commands.audiences import audiences
from launcher.commands.clusters import clusters
from launcher.commands.config import show_config
from launcher.commands.consent import consent
from launcher.commands.datasets import datasets
from launcher.commands.demo import demo
from launcher.commands.dlq import dlq
from launcher.commands.doctor import doctor
from launcher.commands.evaluate import evaluate
from launcher.commands.forecast import forecast
from launcher.commands.identity import identity
from launcher.commands.ingest import ingest
from launcher.commands.init import init
from launcher.commands.keys import keys
from launcher.commands.models_history import challengers, history
from launcher.commands.models_show import models
from launcher.commands.models_steer import promote, resume, rollback
from launcher.commands.policies import policies
from launcher.commands.privacy import privacy
from launcher.commands.produce import produce
from launcher.commands.profile import profile
from launcher.commands.rekey import rekey
from launcher.commands.schema import schema
from launcher.commands.topics import topics
from launcher.commands.up import up
from launcher.commands.verify import verify
from launcher.commands.version import show_version
from launcher.commands.watch import watch
from launcher.commands.worker import worker
from launcher.console import report
from launcher.errors import hint_of

INTERRUPTED = 130
BROKEN_PIPE = 141

app = typer.Typer(
    name="afflux",
    help="Live customer profiles from event streams: Kafka in, scored profiles out of Redis.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo)
app.command("init")(init)
app.command("evaluate")(evaluate)
app.command("up")(up)
app.command("worker")(worker)
app.command("api")(api)
app.add_typer(keys, name="keys")
app.add_typer(topics, name="topics")
app.add_typer(schema, name="schema")
app.add_typer(datasets, name="datasets")
app.add_typer(policies, name="policies")
app.command("produce")(produce)
app.add_typer(watch, name="watch")
app.add_typer(dlq, name="dlq")
app.command("ingest")(ingest)
app.command("rekey")(rekey)
app.add_typer(archive, name="archive")
app.command("doctor")(doctor)
app.command("verify")(verify)
app.add_typer(profile, name="profile")
app.add_typer(identity, name="identity")
app.add_typer(privacy, name="privacy")
app.add_typer(consent, name="consent")
app.add_typer(models, name="models")
for _of_models in (history, challengers, promote, rollback, resume):
    models.command()(_of_models)
app.add_typer(audiences, name="audiences")
app.command("clusters")(clusters)
app.command("forecast")(forecast)
app.command("config")(show_config)
app.command("version")(show_version)


def main() -> None:
    """Run the command line; errors that a person can put right have no stack trace.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a partition must not go on, 130 interrupted; of
    `evaluate`, `init` and `ingest` also 4 wrong mapping, 5 wrong file, 6 wrong value in a row,
    7 sent before under another mapping.
    """
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader (`| head`) has gone; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except AffluxError as error:
        report(str(error), hint_of(error))
        sys.exit(getattr(error, "exit_code", 1))


if __name__ == "__main__":
    main()
