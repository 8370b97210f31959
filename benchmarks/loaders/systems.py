"""All systems, by the names in the tables."""

from loaders.archives import ARCHIVES
from loaders.base import System
from loaders.dali import DALI
from loaders.ours import OURS
from loaders.threaded import THREADED
from loaders.torch_loaders import TORCH_LOADERS

__all__ = ["OURS", "REFERENCE", "SYSTEMS"]

SYSTEMS: dict[str, System] = {**OURS, **TORCH_LOADERS, **DALI, **THREADED, **ARCHIVES}

# What the others are compared with.
REFERENCE = "augpipe"
