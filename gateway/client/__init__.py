"""The HTTP API from Python: needs httpx (`pip install 'afflux[client]'`) and nothing else of ours.

    from gateway.client import Client

    with Client("http://127.0.0.1:8080", key="afx_...") as afflux:
        profile = afflux.profile("crm", "42", fields=["scores", "attributes"])
        for event in afflux.scores(models=["churn"]):
            print(event.id, event.update)

`AsyncClient` has the same methods for event loops.
"""

from gateway.client.asynchronous import AsyncClient
from gateway.client.blocking import Client
from gateway.client.errors import ApiError, Refused, Unavailable
from gateway.client.event_stream import ScoreEvent

__all__ = ["ApiError", "AsyncClient", "Client", "Refused", "ScoreEvent", "Unavailable"]
