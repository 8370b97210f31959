"""Is a dataset sound? Files, labels, boxes, duplicates, leaks and balance, in one pass over it."""

from augpipe.check.findings import KINDS, Finding, PartSummary, Place, Report
from augpipe.check.page import write_page
from augpipe.check.run import check_datasets

__all__ = ["KINDS", "Finding", "PartSummary", "Place", "Report", "check_datasets", "write_page"]
