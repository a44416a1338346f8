"""Whether a changed `.seedbed.yaml` can be used, before it is merged and every check depends on it."""

from __future__ import annotations

from collections.abc import Iterator

from validators.examples import Example
from validators.model import Finding
from validators.paths import CONFIG_FILE
from validators.registry import ChangeView, check, declare

_RULE = declare(
    "configuration",
    "error",
    f"`{CONFIG_FILE}` can be read, and names rules that exist.",
    "default",
    "configuration",
    reason="The linter judges every pull request by this file; where it is broken, the defaults hold instead.",
    example=Example(
        bad={CONFIG_FILE: "lint:\n  ignored: [leaf-under-leaf]\n"},
        good={CONFIG_FILE: "lint:\n  ignore: [leaf-under-leaf]\n"},
    ),
)


@check("change", _RULE)
def configuration(view: ChangeView) -> Iterator[Finding]:
    """The first fault of a configuration file that was given to be judged."""
    if CONFIG_FILE in view.changed and CONFIG_FILE in view.files:
        from validators.config import ConfigError, parse_config  # most changes bring none

        try:
            parse_config(view.files[CONFIG_FILE])
        except ConfigError as error:
            remedy = "The reference of this file is docs/reference/configuration.md of Seedbed."
            yield _RULE.on(CONFIG_FILE, error.span, error.message[:400], remedy)
