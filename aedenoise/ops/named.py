"""Names of the operations that stay whole in a trace with the lowering ``named``.

Such a trace computes the same values as with ``plain``. An exporter that knows a name uses its own
operation in place of the many that JAX needs.
"""

from __future__ import annotations

NAMED = "named"
# Attributes: ``factor`` and ``method``; ``window``.
UPSAMPLE = "aedenoise.upsample"
MAX_POOL = "aedenoise.max_pool"
