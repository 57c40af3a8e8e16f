"""A client of Undertone: work on recordings, voices, and live calls, with typed answers; `pip install
'undertone[client]'`.

    from undertone_client import Client

    with Client("http://localhost:8000") as undertone:
        for prediction in undertone.predict("call.m4a"):
            print(prediction.emotion)
"""

from undertone_client.asking import Embedded, UndertoneError, Wanted
from undertone_client.asynchronous import AsyncCall, AsyncClient
from undertone_client.form import Recording
from undertone_client.synchronous import Call, Client

__all__ = ["AsyncCall", "AsyncClient", "Call", "Client", "Embedded", "Recording", "UndertoneError", "Wanted"]
