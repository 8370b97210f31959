"""The page on a loopback address, for whoever has its key."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from importlib.util import find_spec

from augpipe.data.dataset import ImageDataset
from augpipe.errors import RecipeError
from augpipe.recipe import Part, Recipe

HOST = "127.0.0.1"


class Server:
    """A server that listens on the loopback address alone, and serves nothing but the page.

    Pipelines may name code to be run, as recipes do, so a visitor needs the key that only who
    started the server has seen; and a browser has to have been sent to this very address.

    Args:
        port: where to listen; 0 takes one that is free.

    Raises:
        RecipeError: NiceGUI is not installed, or the port is taken.
    """

    def __init__(self, port: int) -> None:
        if find_spec("nicegui") is None:
            raise RecipeError(
                "--serve needs NiceGUI, which is not installed; pip install 'augpipe[studio]'"
            )
        self._port, self._key = _free(port), secrets.token_urlsafe(12)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self._port}/?key={self._key}"

    def run(
        self,
        title: str,
        recipe: Recipe,
        part: Part,
        dataset: ImageDataset,
        on_start: Callable[[], None],
    ) -> None:
        """Serve until interrupted.

        Args:
            title: what the page is about.
            recipe: the pipeline to begin with; its file is never written to.
            part: which of its ops are edited.
            dataset: whose rows are shown.
            on_start: called when the page is about to be there.
        """
        from nicegui import app, ui
        from starlette.middleware.trustedhost import TrustedHostMiddleware
        from starlette.responses import PlainTextResponse

        from augpipe.studio.page import Page

        def page(key: str = "") -> PlainTextResponse | None:
            if not secrets.compare_digest(key.encode(), self._key.encode()):
                return PlainTextResponse("The address that was printed ends in a key.", 403)
            Page(title, recipe, part, dataset)
            return None

        # Another name for this address would be a foreign page that wants to read ours.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
        app.on_startup(on_start)
        ui.page("/", title=f"augpipe · {title}")(page)
        with suppress(KeyboardInterrupt):  # that is how one ends it
            ui.run(host=HOST, port=self._port, reload=False, show=False, show_welcome_message=False)


def _free(port: int) -> int:
    """The port, or a free one for 0."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise RecipeError(
                f"--port {port}: cannot listen there: {error.strerror}; give another, or 0 for one "
                "that is free"
            ) from error
        return int(probe.getsockname()[1])
