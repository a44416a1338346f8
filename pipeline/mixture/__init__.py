"""The mixture: what a student is tuned on in one build. The same inputs give the same bytes.

`rows` makes rows of seeds, samples and anchors; `clean` takes out what gives evaluation items away or stands in two
leaves; `mixing` chooses within each leaf's cap, with replay of earlier leaves where the build is incremental;
`contents` compares two mixtures. Every choice is by hash and a leaf's own, so that a leaf that is added moves no other
leaf's rows, but for those that it repeats, or whose held-out examples they would give away.
"""

from pipeline.mixture.contents import Contents, Difference, contents, difference
from pipeline.mixture.mixing import Mixture, anchors_wanted, cap_of, mix
from pipeline.mixture.rows import MixtureRow, rows_of

__all__ = [
    "Contents",
    "Difference",
    "Mixture",
    "MixtureRow",
    "anchors_wanted",
    "cap_of",
    "contents",
    "difference",
    "mix",
    "rows_of",
]
