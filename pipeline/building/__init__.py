"""A build: from a taxonomy commit to a judged, perhaps promoted student.

`night` is the whole: it plans, builds, looks for the leaf to blame where a build is held for harm, and builds again
without it. `attempt` is one candidate with its stages; a build that is killed goes on where it was, and the same inputs
have the same build id and cost nothing again. `champion` reads what is served now, `scoring` keeps scores, `verifying`
builds an old build again and compares.
"""

from pipeline.building.night import live_leaves, plan_night, run_build
from pipeline.building.request import BuildRequest, BuildResult, Tools
from pipeline.building.verifying import Verification, verify
from pipeline.stages import BuildError

__all__ = [
    "BuildError",
    "BuildRequest",
    "BuildResult",
    "Tools",
    "Verification",
    "live_leaves",
    "plan_night",
    "run_build",
    "verify",
]
