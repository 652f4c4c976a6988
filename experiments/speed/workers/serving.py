"""What a worker says on its standard output: one JSON object per line."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping


def serve(describe: Mapping[str, object], run: Callable[[int], None]) -> None:
    """Prints ``describe``, then, for each number on standard input, the seconds that
    ``run(number)`` took. ``run`` must return when the work is done, not when it is dispatched."""
    # Libraries chatter on standard output too: replies go to a copy of it, chatter to stderr.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run(3)
    print(json.dumps(describe), file=replies, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        run(int(line))
        print(json.dumps(time.perf_counter() - start), file=replies, flush=True)
