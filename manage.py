#!/usr/bin/env python3
"""The project's command line. Outside a virtual environment it makes itself one first.

This file is kept readable for old Pythons, so that they can say what is needed.
"""

import os
import sys

NEEDED = (3, 11)


def main() -> None:
    if sys.version_info < NEEDED:  # noqa: UP036 - an old Python must be able to say so
        sys.exit(
            "personalization needs Python {}.{} or newer, and this is {} ({}).\n"
            "If a newer one is installed, call it by name, for example: python3.12 manage.py {}".format(
                *NEEDED, sys.version.split()[0], sys.executable, " ".join(sys.argv[1:2])
            )
        )

    from scripts.bootstrap import SetupError, prepare, run_tests

    testing = sys.argv[1:2] == ["test"]
    try:
        prepare(testing=testing)
        if testing:
            run_tests(sys.argv[2:])
    except SetupError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next start goes on from here.")

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
