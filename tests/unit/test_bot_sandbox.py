"""Linting behind the wall: same verdicts, and a crash or a timeout is a finding about the leaf that causes it."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import inside, sandbox, wall
from bot.sandbox import Limits, SandboxError
from bot.wall import Wall
from validators import Change, Commit, LintConfig, Report, fix, lint
from validators.config import parse_config
from validators.examples import ATTRIBUTION, SKILL
from validators.limits import TokenLimits
from validators.paths import CONFIG_FILE
from validators.registry import RULES
from validators.rules import load_rules

PATH = "compositional_skills/writing/haiku/qna.yaml"
FILES = {PATH: b"version: 2\ncreated_by: ada\ntask_description: ''\nseed_examples: 3\n"}
CHANGE = Change(
    modes={PATH: "100755"},
    tree=frozenset((PATH, "compositional_skills/writing/qna.yaml")),
    commits=(Commit("a" * 40, "Ada", "ada@example.org", "Add größe"),),
)


USUAL = Limits()


def verdict(files: Any, changed: Any, limits: Limits = USUAL, **given: Any) -> Report:
    return sandbox.judge(files, changed, limits, **given).report


def test_same_verdict_as_in_process() -> None:
    assert verdict(FILES, [PATH]) == lint(FILES, changed=[PATH])


def test_configuration_and_change_pass_the_wall() -> None:
    text = b"lint: {select: [all], schema: declared, levels: {executable-bit: error}, licenses: [MIT], hosts: [a.org]}"
    config = replace(parse_config(text), author="ada", token_limits=TokenLimits(question=1))
    report = verdict(FILES, [PATH], config=config, change=CHANGE)
    assert report == lint(FILES, changed=[PATH], config=config, change=CHANGE)
    assert {"executable-bit", "dco-signoff", "leaf-under-leaf"} <= {f.rule for f in report.findings}
    assert [f.level for f in report.findings if f.rule == "executable-bit"] == ["error"]


def test_fixes_pass_the_wall() -> None:
    files = {PATH: SKILL.replace("  - question", "  - question ").encode()}
    report = verdict(files, [PATH])
    assert any(finding.fix and finding.fix.edits for finding in report.findings)
    assert report == lint(files, changed=[PATH])


def test_no_rule_needs_what_the_child_cannot_open() -> None:
    """A module that the warden did not load, or a file of data, would be missed here."""
    load_rules()
    for rule in RULES.values():
        case, config = rule.example.case("bad"), replace(rule.example.config, select=("all",))
        there = sandbox.judge(case.files, case.files, config=config, change=case.change).report
        assert there == lint(case.files, changed=case.files, config=config, change=case.change), rule.id
        if rule.fixes:
            sandbox.mend(case.files, case.files, config=config, change=case.change)


@pytest.mark.parametrize("data", ["caf\xe9: x\n".encode("latin-1"), b"\xff\xfea", b"a: b: c\n- x", b"\x00" * 99, b""])
def test_bytes_that_are_no_yaml_pass_the_wall(data: bytes) -> None:
    files = {PATH: data, CONFIG_FILE: b"lint: {slect: [yaml]}\n"}
    assert sandbox.judge(files, files).report == lint(files, changed=files)
    sandbox.mend(files, files)
    sandbox.mend(files, files, how="migrate")


def test_too_slow_is_a_finding() -> None:
    with walled(CRASH.format(crash="import time; time.sleep(60)")) as own:
        report = verdict({PATH: b"HOSTILE"}, [PATH], Limits(wall_s=0.3), wall=own)
    (finding,) = report.findings
    assert (finding.rule, finding.level, finding.path) == ("cannot-judge", "error", PATH)
    assert "longer than 0.3 seconds" in finding.message
    assert finding.help


def test_too_much_memory_is_a_finding() -> None:
    files = {PATH: b"a: " + b"x" * 20_000_000}
    report = verdict(files, [PATH], Limits(memory=40 << 20))
    assert [f.rule for f in report.findings] == ["cannot-judge"]


HOSTILE = "compositional_skills/writing/hostile/qna.yaml"
CRASH = """
import sys; sys.path.insert(0, sys.argv[1])
import validators
from bot import warden
real = validators.lint
def lint(files, **rest):
    if any(b"HOSTILE" in data for data in files.values()):
        {crash}
    return real(files, **rest)
validators.lint = lint
warden.serve(int(sys.argv[2]))
"""


@contextmanager
def walled(boot: str) -> Iterator[Wall]:
    """A wall of its own whose warden runs `boot`."""
    made = Wall(boot)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(
    ("crash", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", "stopped by signal 11"),
        ("raise MemoryError", "too much memory"),
        ("while True: pass", "too much processor time"),
    ],
)
def test_one_hostile_leaf_takes_no_others_verdict(crash: str, words: str) -> None:
    beside = HOSTILE.replace("qna.yaml", "attribution.txt")
    files = {**FILES, HOSTILE: b"HOSTILE", beside: ATTRIBUTION.encode(), CONFIG_FILE: b"lnt:\n"}
    with walled(CRASH.format(crash=crash)) as own:
        report = verdict(files, files, Limits(cpu_s=2, leaf_s=20), change=CHANGE, wall=own)
    calm = lint({**FILES, CONFIG_FILE: b"lnt:\n"}, changed=files, change=CHANGE)
    (stopped,) = [f for f in report.findings if f.path == HOSTILE]
    assert (stopped.rule, stopped.level) == ("cannot-judge", "error")
    assert words in stopped.message
    others = {(f.rule, f.path) for f in report.findings} - {(stopped.rule, stopped.path)}
    expected = {(f.rule, f.path) for f in calm.findings if f.rule != "dco-signoff"}
    assert {other for other in others if other[0] != "dco-signoff"} == expected
    assert [f.rule for f in report.findings].count("dco-signoff") == 1
    assert report.files == 2


def test_the_time_for_all_leaves_is_bounded() -> None:
    files = {f"compositional_skills/writing/leaf_{n}/qna.yaml": b"x" for n in range(30)}
    files[HOSTILE] = b"HOSTILE"
    with walled(CRASH.format(crash="import time; time.sleep(60)").replace('b"HOSTILE" in data', "True")) as own:
        own.ask({"do": "migrate", "files": {}, "changed": [], "tokenizer": None}, Limits())  # it is warm now
        start = time.monotonic()
        report = verdict(files, files, Limits(wall_s=0.3, leaf_s=0.3, all_leaves_s=0.5), wall=own)
    assert time.monotonic() - start < 10
    assert [f.rule for f in report.findings] == ["cannot-judge"] * 31
    assert "took all the time" in report.findings[-1].message


def test_tokens_are_counted_with_the_teachers_tokenizer(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    count = inside.counter(str(tmp_path / "tokenizer.json"))
    assert count is not None
    assert count("four words make four") == 4
    assert inside.counter(str(tmp_path / "none.json")) is None
    counted, guessed = (
        sandbox.judge({PATH: SKILL.encode()}, [PATH], tokenizer=where).budgets[0].largest
        for where in (tmp_path / "tokenizer.json", None)
    )
    assert 0 < counted != guessed  # loaded by the warden: the child could not


def test_without_the_package_tokens_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert inside.counter("tokenizer.json") is None


def test_the_child_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_FORGE_TOKEN", "secret")
    assert "SEEDBED_FORGE_TOKEN" not in wall.bare_environment()


def test_a_broken_installation_is_no_verdict() -> None:
    with (
        walled("raise ImportError('no validators here')") as own,
        pytest.raises(SandboxError, match="no validators here"),
    ):
        verdict(FILES, [PATH], wall=own)


def test_a_fault_of_ours_is_no_verdict() -> None:
    with walled(CRASH.format(crash="raise OSError('disk')")) as own, pytest.raises(SandboxError, match="OSError: disk"):
        verdict({**FILES, HOSTILE: b"HOSTILE"}, [PATH], wall=own)


def test_many_at_once_get_their_own_answers() -> None:
    texts = [b"created_by: ada%d\n" % n for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda text: verdict({PATH: text + FILES[PATH]}, [PATH]), texts))
    assert reports == [lint({PATH: text + FILES[PATH]}, changed=[PATH]) for text in texts]


def test_a_killed_warden_is_replaced() -> None:
    with walled(wall._BOOT) as own:
        assert verdict(FILES, [PATH], wall=own).files == 1
        first = own.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert verdict(FILES, [PATH], wall=own) == lint(FILES, changed=[PATH])
        assert own.pid != first


def test_one_that_is_killed_at_work_costs_a_second_try_and_no_verdict() -> None:
    """The first warden dies with its request; the second one answers it."""
    with walled(wall._BOOT) as own:
        verdict(FILES, [PATH], wall=own)
        assert own.pid is not None
        os.kill(own.pid, signal.SIGSTOP)
        killer = threading.Timer(0.2, os.kill, (own.pid, signal.SIGKILL))
        killer.start()
        assert verdict(FILES, [PATH], wall=own).files == 1
        killer.join()


WORKER = """
import sys; sys.path.insert(0, sys.argv[1])
from bot import sandbox
sandbox.judge({}, [])
print(sandbox._WALL.pid, flush=True)
sys.stdin.read()
"""


def test_the_warden_dies_with_its_worker() -> None:
    command = [sys.executable, "-c", WORKER, str(Path(wall.__file__).parents[1])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        warden = int(worker.stdout.readline())
        descriptor = os.pidfd_open(warden) if hasattr(os, "pidfd_open") else pytest.skip("no pidfd here")
        worker.kill()
    try:
        import select

        ended, _, _ = select.select([descriptor], [], [], 20)
        assert ended, "the warden lives on without its worker"
    finally:
        os.close(descriptor)


SPY = """
import sys; sys.path.insert(0, sys.argv[1])
import os, resource, socket
from bot import inside, warden
def is_held(fd):
    try:
        return bool(os.fstat(fd))
    except OSError:
        return False
def attempt(what):
    try:
        return str(what())
    except OSError as error:
        return os.strerror(error.errno)
def look(request):
    held = [fd for fd in range(4096) if is_held(fd)]
    names = ("RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_NPROC", "RLIMIT_NOFILE")
    limits = {name: resource.getrlimit(getattr(resource, name))[0] for name in names}
    os.close(0)  # even its own number does not come back
    denied = [attempt(socket.socket), attempt(lambda: open("/etc/passwd")), attempt(os.pipe)]
    return {"held": held, "limits": limits, "environment": sorted(os.environ), "denied": denied}
inside._DO["look"] = look
warden.serve(int(sys.argv[2]))
"""


def test_the_child_holds_nothing_but_its_own_ends_and_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_FORGE_TOKEN", "secret")
    with walled(SPY) as own:
        seen: dict[str, Any] = own.ask({"do": "look", "tokenizer": None}, Limits(cpu_s=7, memory=1 << 29))
    assert seen["held"] == [0, 1, 2]
    assert seen["denied"] == [os.strerror(errno.EMFILE)] * 3
    assert seen["limits"] == {
        "RLIMIT_CPU": 7,
        "RLIMIT_AS": 1 << 29,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 0,
        "RLIMIT_NOFILE": 0,
    }
    assert set(seen["environment"]) <= {"PATH", "LD_LIBRARY_PATH", "LANG", "LC_CTYPE", "TOKENIZERS_PARALLELISM"}


def test_mending_passes_the_wall() -> None:
    files = {PATH: SKILL.replace("  - question", "  - question ").encode()}
    mended = sandbox.mend(files, [PATH])
    expected = fix(files, changed=[PATH])
    assert mended.files == {path: data for path, data in expected.files.items() if files.get(path) != data}
    assert mended.left == expected.remaining.errors
    assert len(mended.done) == len(expected.edits)


def test_migrating_passes_the_wall() -> None:
    old = SKILL.replace("version: 3", "version: 2").encode()
    mended = sandbox.mend({PATH: old}, [PATH], how="migrate")
    assert b"version: 3" in mended.files[PATH]
    assert mended.done


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"files": {".github/workflows/x.yml": ""}, "gone": []}, "no file of these leaves"),
        ({"files": {"compositional_skills/writing/haiku/run.sh": ""}, "gone": []}, "no file of these leaves"),
        ({"files": {}, "gone": ["README.md"]}, "never given"),
    ],
)
def test_what_comes_back_is_held_to_what_a_mend_may_touch(told: dict[str, Any], words: str) -> None:
    whole = json.dumps({**told, "done": [], "left": 0, "hunks": [], "patch": ""})
    boot = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom bot import inside, warden\n"
        f"import json\ninside._DO['mend'] = lambda request: json.loads({whole!r})\nwarden.serve(int(sys.argv[2]))"
    )
    with walled(boot) as own, pytest.raises(SandboxError, match=words):
        sandbox.mend(FILES, [PATH], wall=own)


def test_budgets_name_the_largest_seed() -> None:
    files = {PATH: SKILL.encode()}
    (budget,) = sandbox.judge(files, [PATH]).budgets
    assert budget.path == "compositional_skills/writing/haiku"
    assert 0 < budget.largest < budget.limit == TokenLimits().seed


def test_a_callable_never_reaches_the_wall() -> None:
    config = LintConfig(tokens=len)
    assert verdict(FILES, [PATH], config=config).files == 1
