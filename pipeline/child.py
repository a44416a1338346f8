"""Work in a child Python process: `module:function` there, JSON lines between, and no child that outlives its parent.

Models load in children, so that the worker stays small, a crash of an engine harms no job but its own, and memory
comes back whole. Three pipes join the two: requests, replies (not stdout, on which libraries print) and a lifeline
whose only writer is the parent. The kernel closes it when the parent dies, however it dies, and the child then ends
its whole process group.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import IO, Any

log = logging.getLogger(__name__)

JSON = dict[str, Any]
Emit = Callable[[JSON], None]
Target = Callable[[JSON, Emit], JSON]

TAIL_LINES = 40
CLOSE_SECONDS = 5.0
_FOR_MODELS = frozenset({"SEEDBED_CACHE", "SEEDBED_THREADS"})
"""Settings that loading a model needs; all others stay with us."""

# `sys.path` travels as multiprocessing's spawn does it: the child finds what the parent finds, installed or not.
_BOOT = (
    "import os, sys; sys.path[:] = sys.argv[4].split(os.pathsep); "
    "import importlib; importlib.import_module(sys.argv[6]).serve()"
)


class ChildError(Exception):
    """The function raised. `type_name`: its exception's class name; `trace`: the child's traceback as text."""

    def __init__(self, message: str, type_name: str = "Exception", trace: str = "") -> None:
        super().__init__(message)
        self.type_name = type_name
        self.trace = trace


class ChildDied(Exception):
    """The process ended without an answer. `code`: exit code, or minus the signal's number; `tail`: its last lines."""

    def __init__(self, message: str, code: int, tail: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.tail = tail


class Child:
    """A child process that answers calls of one `target`, "module:function", until it is closed.

    The function takes (payload, emit) and returns a dict; what it emits arrives as events. One call at a time;
    `kill` may come from any thread. Module globals of the child live from call to call. `server`: the module whose
    function `serve` speaks for the child; `pipeline.conversation` has another, for many calls at once.
    """

    def __init__(self, target: str, *, env: Mapping[str, str] | None = None, server: str = "pipeline.child") -> None:
        request_read, request_write = os.pipe()
        reply_read, reply_write = os.pipe()
        life_read, self._lifeline = os.pipe()
        theirs = (request_read, reply_write, life_read)
        self.target = target
        self._requests: IO[str] = os.fdopen(request_write, "w", encoding="utf-8")
        self._replies: IO[str] = os.fdopen(reply_read, encoding="utf-8")
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._closed = self._ended = False
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, *map(str, theirs), os.pathsep.join(sys.path), target, server],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=theirs,
                env=_environment(env),
                start_new_session=True,  # Ctrl-C reaches the parent alone, and one kill reaches grandchildren
            )
        except BaseException:
            self._release()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self._reader = threading.Thread(target=self._collect, daemon=True, name=f"output of {target}")
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id, also of its process group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can still answer."""
        return not self._closed and self._process.poll() is None

    def stream(self, payload: JSON) -> Generator[JSON, None, JSON]:
        """Call the function: yields its events, returns its result. Leaving early kills the child, which is busy.

        Raises `ChildError` (the child lives on) and `ChildDied`.
        """
        answered = False
        try:
            self.send(json.dumps(payload))
            while (message := self.receive()) is not None:
                if "event" in message:
                    yield message["event"]
                    continue
                answered = True
                if "error" in message:
                    raise ChildError(**message["error"])
                result: JSON = message["result"]
                return result
            raise self.death()
        finally:
            if not answered:
                self.kill()

    def call(self, payload: JSON, on_event: Emit | None = None) -> JSON:
        """Call the function and hand its events to `on_event`. Raises what `stream` raises."""
        stream = self.stream(payload)
        try:
            while True:
                event = next(stream)
                if on_event is not None:
                    on_event(event)
        except StopIteration as stop:
            result: JSON = stop.value
            return result
        finally:
            stream.close()

    def kill(self) -> None:
        """End the child and its descendants now. Harmless when it is gone."""
        if not self._ended:
            self._ended = True  # once only: later the group's number may belong to others
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Let an idle child end, and kill it if it does not. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            self._requests.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_SECONDS)
        self.kill()
        self._release()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, line: str) -> None:
        """Write one line of JSON to the child; waits while the pipe is full. Raises `ChildDied`."""
        if not self.alive:
            raise self.death()
        try:
            self._requests.write(line + "\n")
            self._requests.flush()
        except OSError as error:
            raise self.death() from error

    def receive(self) -> JSON | None:
        """The next line from the child, None when there will be no more."""
        try:
            line = self._replies.readline()
            message: JSON | None = json.loads(line) if line else None
        except ValueError:  # a line that death cut short, or the pipe was closed by `close` from another thread
            return None
        return message

    def death(self) -> ChildDied:
        """What to tell of a child whose replies have ended. Ends what is left of it."""
        if self._closed:
            return ChildDied(f"{self.target} was closed", self._process.returncode or 0)
        self.kill()  # its replies have ended: it is dead already, or deaf
        self._reader.join(1.0)
        code, tail = self._process.returncode, tuple(self._tail)
        lines = "".join(f"\n  {line}" for line in tail[-8:])
        return ChildDied(f"the process of {self.target} {_how_it_ended(code)}{lines}", code, tail)

    def _collect(self) -> None:
        output = self._process.stdout
        if output is None:
            return
        with output:
            for raw in output:
                line = raw.decode(errors="replace").rstrip()
                self._tail.append(line)
                log.debug("%s: %s", self.target, line)

    def _release(self) -> None:
        with contextlib.suppress(OSError):
            self._requests.close()
        self._replies.close()
        os.close(self._lifeline)


def run(
    target: str,
    payload: JSON,
    *,
    on_event: Emit | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> JSON:
    """Run `module:function` once in a child and return what it returned.

    `env` is added to a copy of this process's environment; `timeout` in seconds. Raises `ChildError`, `ChildDied`.
    """
    with Child(target, env=env) as child:
        if timeout is None:
            return child.call(payload, on_event)
        late = threading.Event()

        def stop() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(timeout, stop)
        timer.daemon = True
        timer.start()
        try:
            return child.call(payload, on_event)
        except ChildDied as error:
            if late.is_set():
                raise ChildDied(f"{target} gave no result in {timeout:g} s", error.code, error.tail) from error
            raise
        finally:
            timer.cancel()


def serve() -> None:
    """The child's side: answer calls until the requests end. Arguments: three pipe ends, search path, target."""
    target: Target | None = None
    requests, replies = open_pipes()
    with requests, replies:
        sending = threading.Lock()

        def send(message: JSON) -> None:
            with sending:
                replies.write(json.dumps(message) + "\n")
                replies.flush()

        for line in requests:
            try:
                target = target or load_target(sys.argv[5])
                answer: JSON = {"result": target(json.loads(line), lambda event: send({"event": event}))}
            except Exception as error:  # whatever it is belongs to the caller, with its own words
                answer = {"error": describe(error)}
            send(answer)
    end_group()


def open_pipes() -> tuple[IO[str], IO[str]]:
    """The child's ends, requests and replies; from here on it ends with its parent."""
    requests_fd, replies_fd, life_fd = map(int, sys.argv[1:4])
    for fd in (requests_fd, replies_fd, life_fd):
        os.set_inheritable(fd, False)
    threading.Thread(target=_end_with_parent, args=(life_fd,), daemon=True).start()
    return os.fdopen(requests_fd, encoding="utf-8"), os.fdopen(replies_fd, "w", encoding="utf-8")


def load_target(target: str) -> Any:
    """The function that "module:function" names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def end_group() -> None:
    """End this process and all that it started; engines may take seconds to take themselves apart.

    A child must not just leave: when its parent dies, requests and lifeline end together, and what it started would
    stay.
    """
    sys.stdout.flush()
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _end_with_parent(life_fd: int) -> None:
    while os.read(life_fd, 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """Ours without the bot's settings: a process that reads what strangers wrote holds neither keys nor tokens."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SEEDBED_") or name in _FOR_MODELS}
    # Idle OpenMP threads that spin starve the other processes of a small machine.
    return {"OMP_WAIT_POLICY": "PASSIVE", **ours, **(extra or {})}


def describe(error: BaseException) -> JSON:
    """An exception as the arguments of `ChildError`."""
    message = str(error) or type(error).__name__
    if _disk_is_full(error):
        message = f"the disk is full: {message}. Free some space and run again; what was finished is kept."
    trace = "".join(traceback.format_exception(error))
    return {"message": message, "type_name": type(error).__name__, "trace": trace}


def _disk_is_full(error: BaseException | None) -> bool:
    while error is not None:
        # safetensors raises its own type, with the system's words inside
        if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _how_it_ended(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL): out of memory? `seedbed doctor` shows what there is"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended by itself with exit code {code}"
