"""Which signals must not cut a refresh in two."""

from __future__ import annotations

import os
import signal

from aventus_creds.sources.interrupts import FATAL


def test_the_signals_of_this_system_that_end_a_process() -> None:
    """The end of a session or a service, a terminal that closes; on Windows Ctrl-Break and a console that closes."""
    names = {signal.Signals(number).name for number in FATAL}
    assert names == ({"SIGTERM", "SIGBREAK"} if os.name == "nt" else {"SIGTERM", "SIGHUP"})
