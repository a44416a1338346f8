"""The hook that git runs before a push changes anything. What may be pushed comes in its environment."""

from __future__ import annotations

from pathlib import Path

_PRE_RECEIVE = """#!/bin/sh
while read -r old new ref; do
  case "$ref" in
    refs/heads/* | refs/tags/*) ;;
    *) echo "Only branches and tags can be pushed, not $ref" >&2; exit 1 ;;
  esac
  test -n "$LOCALHUB_FREE" && continue
  case " $LOCALHUB_REFS " in *" $ref "*) continue ;; esac
  if test -n "$LOCALHUB_PREFIX"; then
    case "$ref" in "refs/heads/$LOCALHUB_PREFIX"*) continue ;; esac
    echo "You may push only to branches named $LOCALHUB_PREFIX*, not $ref" >&2; exit 1
  fi
  echo "You may not push to $ref of this repository" >&2; exit 1
done
"""


def install(folder: Path) -> None:
    """Write the `pre-receive` of all repositories into a folder, which becomes git's `core.hooksPath`."""
    folder.mkdir(parents=True, exist_ok=True)
    hook = folder / "pre-receive"
    hook.write_text(_PRE_RECEIVE)
    hook.chmod(0o755)
