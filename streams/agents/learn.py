"""The learn agent: every batch of training examples, in the lane of its partition."""

from __future__ import annotations

from typing import Any

import faust

from streams.lanes import Lanes

NAME = "learn"
FETCH_WAIT_MS = 100
"""Nobody waits for the learner: fewer empty fetches than the other planes."""


def register(app: faust.App, topic: Any, lanes: Lanes) -> None:
    """Let the app read `topic` into the lanes. An event is acknowledged when it is folded."""

    @app.agent(topic, name=NAME)
    async def learn(stream: Any) -> None:
        async for event in stream.noack().events():
            lanes.submit_all(event.value, event.ack)
