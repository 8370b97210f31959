"""Pipelines of albumentations and torchvision as recipes, and what could not be said in one."""

from augpipe.convert.result import Conversion, Line
from augpipe.convert.sources import convert

__all__ = ["Conversion", "Line", "convert"]
