"""The clients as tests see them: a script to run, and what to expect of the way it sends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.acceptance.clients.installed import HERE, node_folder, python_folder

#: Seconds that a client may take for all of its retries.
PATIENCE = 120


@dataclass(frozen=True, kw_only=True)
class Client:
    """An unmodified client in a process of its own.

    `packs` says whether it can gzip what it sends.
    """

    name: str
    protocol: str
    packs: bool = True
    node: bool = False

    def __str__(self) -> str:
        return self.name

    def send(
        self,
        calls: Sequence[dict[str, Any]],
        *,
        host: str,
        key: str,
        gzip: bool = False,
        **options: Any,
    ) -> list[str]:
        """Let the client send `calls`; return the errors that it reports.

        :raises NotInstalled: when it cannot be had on this machine.
        """
        task = {"host": host, "key": key, "gzip": gzip, "calls": calls, "options": options}
        command, environment = self._command()
        done = subprocess.run(
            command,
            input=json.dumps(task),
            env={"PATH": os.environ["PATH"], "TZ": "UTC", **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        errors: list[str] = json.loads(done.stdout)
        return errors

    def _command(self) -> tuple[list[str], dict[str, str]]:
        if self.node:
            return ["node", str(HERE / f"send_{self.name}.cjs")], {"NODE_PATH": str(node_folder())}
        # Without site-packages: what the pins leave out is not found by luck.
        script = str(HERE / f"send_{self.name}.py")
        return [sys.executable, "-S", script], {"PYTHONPATH": str(python_folder(self.name))}


SEGMENT = Client(name="segment", protocol="segment")
SEGMENT_NODE = Client(name="segment_node", protocol="segment", packs=False, node=True)
RUDDER = Client(name="rudder", protocol="rudderstack")
RUDDER_NODE = Client(name="rudder_node", protocol="rudderstack", node=True)
POSTHOG = Client(name="posthog", protocol="posthog")
POSTHOG_NODE = Client(name="posthog_node", protocol="posthog", node=True)
CLOUDEVENTS = Client(name="cloudevents", protocol="cloudevents", packs=False)
CLOUDEVENTS_NODE = Client(name="cloudevents_node", protocol="cloudevents", packs=False, node=True)
