"""One file a path. What comes in is checked here, what it means is the services' business."""

from gateway.routes.clusters import clusters
from gateway.routes.events import events
from gateway.routes.forecasts import forecasts
from gateway.routes.health import health
from gateway.routes.keys import keys
from gateway.routes.profiles import profiles
from gateway.routes.quality import quality
from gateway.routes.scores import scores

ROUTERS = (profiles, quality, clusters, forecasts, events, scores, keys, health)

__all__ = ["ROUTERS"]
