"""What a recipe does to a picture, in values: for tables and for JSON, and with a clock beside it.

`Plan.explain()` and `Pipeline.explain()` are the same in plain text, of one draw and without times.
"""

from augpipe.explain.account import Account, Decoding, Handed, account_of
from augpipe.explain.outline import Branching, Group, Line, Outline, Way, outline_of

__all__ = [
    "Account",
    "Branching",
    "Decoding",
    "Group",
    "Handed",
    "Line",
    "Outline",
    "Way",
    "account_of",
    "outline_of",
]
