"""One file a path. What comes in is checked here, what it means is the services' business."""

from gateway.routes.audiences import audiences
from gateway.routes.clusters import clusters
from gateway.routes.events import events
from gateway.routes.forecasts import forecasts
from gateway.routes.health import health
from gateway.routes.identities import identities
from gateway.routes.keys import keys
from gateway.routes.privacy import privacy
from gateway.routes.profiles import profiles
from gateway.routes.quality import quality
from gateway.routes.recommendations import recommendations
from gateway.routes.scores import scores
from gateway.routes.similar import similar
from gateway.routes.timelines import timelines

ROUTERS = (
    similar, timelines, profiles, recommendations, quality, audiences, clusters, forecasts, events,
    scores, privacy, identities, keys, health,
)  # fmt: skip

__all__ = ["ROUTERS"]
