"""The `filesystem://` transport of Kombu, with messages that appear whole or not at all.

Kombu creates a message's file under its final name and fills it afterwards. A worker
that polls in between reads an empty file and stops with a JSON error; writing under
another name and renaming closes that gap.
"""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps

LONGEST_WAIT = 0.3


class Channel(filesystem.Channel):
    """A channel whose messages are renamed into place."""

    def _put(  # type: ignore[override] # as the folder queue itself has it
        self, queue: str, payload: dict[str, Any], **kwargs: Any
    ) -> None:
        folder = Path(self.data_folder_out)
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        # No queue is called "part", so no reader takes the unfinished file.
        unfinished = folder / f"{uuid.uuid4()}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(str_to_bytes(dumps(payload)))
            os.replace(unfinished, folder / name)
        except OSError as error:
            raise ChannelError(f"Cannot add file {name!r} to {folder}") from error


class Transport(filesystem.Transport):
    """Kombu's folder queue with the channel above, its folders made when missing."""

    Channel = Channel

    def establish_connection(self) -> Any:
        client: Any = self.client
        for name in ("data_folder_in", "data_folder_out", "control_folder"):
            Path(client.transport_options[name]).mkdir(parents=True, exist_ok=True)
        return super().establish_connection()

    def drain_events(  # type: ignore[override] # as the virtual transport has it
        self, connection: Any, timeout: float | None = None
    ) -> None:
        """Wait for a message; come back without one now and then, for the caller to look up.

        A worker does that between two waits only: short ones let it stop when it is told to.
        """
        if timeout is not None and timeout <= LONGEST_WAIT:
            super().drain_events(connection, timeout=timeout)
            return
        with suppress(TimeoutError):
            super().drain_events(connection, timeout=LONGEST_WAIT)


def install() -> None:
    """Let `filesystem://` mean this transport."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
