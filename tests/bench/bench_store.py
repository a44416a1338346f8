"""A million stored responses: how long a look-up takes, alone and while others are written; prints the bars.

usage: python -m tests.bench.bench_store [--responses N] [--folder DIR]
Bars (issue 5): a look-up answers in less than 1 ms, at the median and at the 99th percentile. Exit code 1 if one is
missed. Needs about 1 KB of disk a response, and a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import quantiles

from pipeline.responses import Responses, inspection
from pipeline.responses.removal import Unwanted, remove
from pipeline.responses.responses import utc_day
from pipeline.teacher.port import Completion

BAR_MS = 1.0
LOOKUPS = 20_000
CHARACTERS = 600
WORDS = (
    "a",
    "of",
    "the",
    "and",
    "water",
    "leaf",
    "bird",
    "because",
    "answer",
    "small",
    "often",
    "which",
    "grows",
    "under",
    "light",
    "it",
    "can",
    "river",
    "seeds",
)


def main() -> int:
    """Fill, look up, print; 0 if every bar holds."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--responses", type=int, default=1_000_000)
    ap.add_argument("--folder", type=Path, help="where the file stays for another run; default: a temporary folder")
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = (args.folder or Path(name)) / "responses.sqlite"
        if not path.exists():
            fill(path, args.responses)
        held = [*look_up(path, args.responses), *beside_a_writer(path, args.responses)]
        housekeeping(path)
        return 0 if all(held) else 1


def key(number: int) -> str:
    """The key of a response."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def text(number: int) -> str:
    """About `CHARACTERS` characters, others for each number."""
    chance = random.Random(number)
    words: list[str] = []
    while sum(map(len, words)) + len(words) < CHARACTERS:
        words += chance.choices(WORDS, k=8)
    return " ".join([str(number), *words])


def fill(path: Path, count: int) -> None:
    """Put them one by one, as a teacher gives them, only faster."""
    texts = [text(number) for number in range(1000)]  # making a million texts would take longer than storing them
    responses = Responses(path)
    began = time.perf_counter()
    for number in range(count):
        responses.put(key(number), Completion(texts[number % 1000], prompt_tokens=800, output_tokens=150))
        if number % 10_000 == 0:
            responses.flush()
    responses.close()
    took = time.perf_counter() - began
    size = path.stat().st_size
    print(f"{count:,} responses of {CHARACTERS} characters stored in {took:.0f} s, {count / took:,.0f}/s")
    print(f"file: {size / 1e6:,.0f} MB, {size / count:.0f} bytes a response")


def look_up(path: Path, count: int) -> Iterator[bool]:
    """Stored keys and others, in an order that no cache likes."""
    chance = random.Random(0)
    responses = Responses(path)
    stored = [key(chance.randrange(count)) for _ in range(LOOKUPS)]
    yield bar("look-up of a stored response", [seconds(lambda k=k: responses.get(k)) for k in stored])
    absent = [key(count + number) for number in range(LOOKUPS)]
    yield bar("look-up of an absent response", [seconds(lambda k=k: responses.get(k)) for k in absent])
    responses.close()
    began = time.perf_counter()
    print(f"count: {Responses(path).count():,} in {(time.perf_counter() - began) * 1e3:.0f} ms")


def beside_a_writer(path: Path, count: int) -> Iterator[bool]:
    """Look-ups and puts in one thread, as the pool does, while another process's place is taken by a second writer."""
    responses, other = Responses(path), Responses(path)
    done = threading.Event()

    def write() -> None:
        number = 2 * count
        while not done.is_set():
            other.put_many({key(n): Completion(text(n)) for n in range(number, number + 20)})
            number += 20
            done.wait(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    chance, looked, put = random.Random(1), [], []
    for number in range(5000):
        wanted, made = key(chance.randrange(count)), key(3 * count + number)
        completion = Completion(text(number))
        looked.append(seconds(lambda k=wanted: responses.get(k)))
        put.append(seconds(lambda k=made, c=completion: responses.put(k, c)))
    done.set()
    writer.join()
    responses.close()
    other.close()
    yield bar("look-up while two write", looked)
    yield bar("put while two write", put)


def housekeeping(path: Path) -> None:
    """How long looking after the file takes; there is no bar for it."""
    faults: list[str] = []
    took = seconds(lambda: faults.extend(inspection.faults(path)))
    print(f"verify: {took:.1f} s, {len(faults)} faults")
    today = utc_day()
    unwanted = Unwanted(before=0, safe=today + 1, bytes_over=path.stat().st_size // 4)
    took = seconds(lambda: print(f"gc of a quarter: {remove(path, unwanted, today).count:,} responses removed", end=""))
    print(f" in {took:.1f} s, {path.stat().st_size / 1e6:,.0f} MB left")


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def bar(what: str, took: list[float]) -> bool:
    """Print one measure; whether its bar holds."""
    cuts = quantiles(took, n=100, method="inclusive")
    median, p99 = cuts[49] * 1e3, cuts[98] * 1e3
    holds = median < BAR_MS and p99 < BAR_MS
    slowest = max(took) * 1e3
    print(
        f"{what}: median {median:.3f} ms, p99 {p99:.3f} ms, slowest {slowest:.1f} ms (bar: < {BAR_MS:g} ms)",
        "holds" if holds else "MISSED",
    )
    return holds


if __name__ == "__main__":
    sys.exit(main())
