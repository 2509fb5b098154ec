"""Engagement: how much a person will do in the next 7 days.

A hurdle over the number of their own events (campaigns that reach them do not count): whether
they do anything, and how much if they do. The score from 0 to 100 is the percentile of the expected
number; its thirds are the level. The trend is in the profile (`profile_store.profile.Engagement`).
"""

from __future__ import annotations

from afflux.limits import DAY_MS
from afflux.names import ModelName
from afflux.outcomes import ACTIVITY, Eligible, ModelSpec, Outcome
from models.contract import HurdleRecipe, Model, NewtonRecipe

MODEL = Model(
    spec=ModelSpec(
        ModelName("engagement"), Outcome("count", ACTIVITY, 7 * DAY_MS), Eligible("events")
    ),
    recipe=HurdleRecipe(happens=NewtonRecipe("log"), amount=NewtonRecipe("huber")),
)
