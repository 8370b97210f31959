"""Where the time of a pipeline goes: each stage by itself, and what to do about the slowest.

What a worker does is measured in this process and on one thread, as a worker has it: `read` opens
files and their headers, `decode` makes pixels, `augment` plans and carries out the ops, `collate`
makes a batch in memory that is used again. What the training process does is measured where the
model is: `copy`, `batch` (the ops on whole batches) and `step`. Files come from the system's cache,
since a warm-up has read them; a disk that is slower than that is not seen.
"""

from augpipe.bench.advice import Advice, advise
from augpipe.bench.measure import Timings, measure, measure_loader

__all__ = ["Advice", "Timings", "advise", "measure", "measure_loader"]
