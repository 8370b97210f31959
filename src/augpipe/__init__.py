"""augpipe: images in, reproducible augmented batches out.

What a sample looks like is a pure function of (seed, epoch, sample, op), whatever the workers, the
batch size, the ranks, the device, or interruptions.
"""

from augpipe.api import build_loader
from augpipe.augment.batch import AugmentBatch
from augpipe.boxes import BoxParams
from augpipe.data.arrays import ArrayDataset
from augpipe.data.coco import CocoDataset
from augpipe.data.folder import FolderDataset
from augpipe.data.mapped import MappedDataset
from augpipe.data.sample import Sample
from augpipe.data.table import TableDataset
from augpipe.data.voc import VocDataset
from augpipe.data.yolo import YoloDataset
from augpipe.errors import AugpipeError
from augpipe.loader.batch import Batch
from augpipe.loader.loader import Loader
from augpipe.ops import Op, list_ops, register
from augpipe.pipeline import Pipeline
from augpipe.recipe import Recipe

__version__ = "0.1.0"

__all__ = [
    "ArrayDataset",
    "AugmentBatch",
    "AugpipeError",
    "Batch",
    "BoxParams",
    "CocoDataset",
    "FolderDataset",
    "Loader",
    "MappedDataset",
    "Op",
    "Pipeline",
    "Recipe",
    "Sample",
    "TableDataset",
    "VocDataset",
    "YoloDataset",
    "build_loader",
    "list_ops",
    "register",
]
