"""How other people's transforms are called, so that a seed decides all that they draw.

A transform of albumentations, torchvision or imgaug, or any callable, runs on one picture and what
lies in it, with Python's, NumPy's, torch's and its own generators seeded, and the global ones
restored afterwards. This is the one place in the library that touches them: what somebody else
wrote draws from nowhere else.
"""

from __future__ import annotations

from augpipe.adapters.albumentations import AlbumentationsAdapter
from augpipe.adapters.base import Adapter, Library
from augpipe.adapters.imgaug import ImgaugAdapter
from augpipe.adapters.libraries import MODULES, import_library, library_of
from augpipe.adapters.torchvision import TorchvisionAdapter

__all__ = ["LIBRARIES", "MODULES", "Adapter", "Library", "import_library", "library_of"]

LIBRARIES: dict[str, type[Adapter]] = {
    adapter.library: adapter
    for adapter in (AlbumentationsAdapter, TorchvisionAdapter, ImgaugAdapter, Adapter)
}
