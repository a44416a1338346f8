"""Who looks at a pull request: whoever looks at the fewest now, so that no one has them all."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

from bot.forge.port import Pull


def candidates(pull: Pull, open_pulls: Iterable[Pull], triagers: Sequence[str]) -> list[str]:
    """The triagers in the order in which they should be asked: fewest open pull requests first, ties by hash.

    The author is never among them, nor who is assigned already. The same pull requests give the same order.
    """
    others = [other for other in open_pulls if other.number != pull.number]
    load = Counter(login.casefold() for other in others for login in other.assignees)
    apart = {pull.author.casefold(), *(login.casefold() for login in pull.assignees)}
    free = [login for login in dict.fromkeys(triagers) if login.casefold() not in apart]
    return sorted(free, key=lambda login: (load[login.casefold()], _draw(pull.number, login)))


def _draw(number: int, login: str) -> str:
    return hashlib.sha256(f"{number}/{login.casefold()}".encode()).hexdigest()
