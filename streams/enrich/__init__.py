"""The enrich plane: events in, fragments, scores, examples and links out."""

from streams.enrich.plane import EnrichPlane
from streams.enrich.settings import EnrichSettings

__all__ = ["EnrichPlane", "EnrichSettings"]
