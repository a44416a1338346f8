"""`seedbed chat`: who is meant, what is printed, and what happens when no answer comes."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path

import pytest

from bot.cli.main import main
from pipeline.models import ModelError
from pipeline.registry import RegistryError
from pipeline.serving.choice import Models
from pipeline.serving.speaker import Speaker, SpeakerError
from tests.building import pretend_model


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder whose student is `base/student`, and a model that echoes."""
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEEDBED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("SEEDBED_STUDENT_MODEL", str(pretend_model(tmp_path / "base" / "student")))
    echo = partial(Speaker, target="tests.unit.talk_targets:echo")
    monkeypatch.setattr("pipeline.serving.speaker.Speaker", echo)
    return tmp_path / "state"


def promoted(state: Path, build: str = "b1") -> None:
    pretend_model(state / "builds" / build / "model")
    (state / "registry").mkdir(exist_ok=True)
    (state / "registry" / "aliases.json").write_text(json.dumps({"champion": build}))


def held(state: Path, build: str = "b2", *, digest: str | None = None, parent: str | None = None) -> Path:
    """A build that was judged and not promoted: its adapter, and no merged model."""
    folder = state / "builds" / build
    (folder / "stages").mkdir(parents=True)
    (folder / "train-1" / "adapter").mkdir(parents=True)
    (folder / "stages" / "train.json").write_text(json.dumps({"inputs": "i", "output": {"adapter": "train-1/adapter"}}))
    base = Models(state, str(state.parent / "base" / "student")).choose(None).model
    inputs = {"base": {"digest": digest or base.digest, "name": "another"}, "parent": parent}
    (folder / "manifest.json").write_text(json.dumps({"inputs": inputs}))
    return folder


def talk(monkeypatch: pytest.MonkeyPatch, text: str, *arguments: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return main(["chat", *arguments])


def test_no_champion_yet_is_said_and_the_base_answers(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "--message", "Hello"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("student> base 1 Hello ")
    assert "no build has been promoted yet" in printed.err
    assert main(["chat", "--side-by-side", "--message", "Hello", "--json"]) == 0
    assert [answer["build"] for answer in json.loads(capsys.readouterr().out)["answers"]] == [None]
    assert main(["chat", "--base", "--message", "Hello"]) == 0
    assert "promoted" not in capsys.readouterr().err


def test_champion_and_base_side_by_side(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    promoted(state)
    assert main(["chat", "--side-by-side", "--message", "Hello", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["version"], said["message"]) == (1, "Hello")
    assert [(answer["model"], answer["build"], answer["text"]) for answer in said["answers"]] == [
        ("build b1", "b1", "b1 1 Hello"),
        ("student", None, "base 1 Hello"),
    ]
    assert said["answers"][0].keys() == {"model", "build", "text", "ended", "tokens", "forgotten", "seconds"}
    assert main(["chat", "--message", "Hello"]) == 0
    assert capsys.readouterr().out.startswith("build b1> b1 1 Hello")


def test_a_build_that_was_not_promoted_speaks_through_its_adapter(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held(state)
    assert main(["chat", "--build", "b2", "--message", "Hello"]) == 0
    assert capsys.readouterr().out.startswith("build b2> base+adapter 1 Hello")


def test_an_incremental_build_speaks_through_its_adapter_on_its_parent(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted(state)
    held(state, parent="b1")
    assert main(["chat", "--build", "b2", "--message", "Hello"]) == 0
    assert capsys.readouterr().out.startswith("build b2> b1+adapter 1 Hello")
    held(state, "b6", parent="b0")
    assert main(["chat", "--build", "b6", "--message", "Hello"]) == 1
    assert "there is no build 'b0'" in capsys.readouterr().err
    held(state, "b0")
    assert main(["chat", "--build", "b6", "--message", "Hello"]) == 1
    assert "began from build b0, whose merged model is gone" in capsys.readouterr().err


def test_builds_that_cannot_speak_say_why(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    promoted(state)
    (state / "builds" / "b3").mkdir()
    held(state, "b4", digest="0" * 64)
    (held(state, "b5") / "train-1" / "adapter").rmdir()
    for build, why in {
        "b9": "there is no build 'b9'",
        "../b1": "there is no build",
        "b3": "has neither a merged model nor a record of its tuning",
        "b4": "was tuned from another, and the student is student now",
        "b5": "is missing; restore it, or build again",
    }.items():
        assert main(["chat", "--build", build, "--message", "Hello"]) == 1
        assert why in capsys.readouterr().err
    with pytest.raises(ModelError, match="There are: b1, b3, b4, b5"):
        Models(state, "x").choose("b9")


def test_a_conversation_with_history_and_a_new_beginning(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted(state)
    assert talk(monkeypatch, "One\n\nTwo\n/reset\nThree\n/what\n/quit\nFour\n", "--json", "--side-by-side") == 0
    printed = capsys.readouterr()
    answers = [json.loads(line)["answers"] for line in printed.out.splitlines()]
    assert [[answer["text"] for answer in pair] for pair in answers] == [
        ["b1 1 One", "base 1 One"],
        ["b1 3 Two", "base 3 Two"],
        ["b1 1 Three", "base 1 Three"],
    ]
    assert "there is no command /what" in printed.err


def test_a_failed_answer_ends_no_conversation_and_is_not_remembered(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted(state)
    assert talk(monkeypatch, "One\nfail\ndie\nTwo\n", "--json") == 0
    printed = capsys.readouterr()
    assert [json.loads(line)["answers"][0]["text"] for line in printed.out.splitlines()] == ["b1 1 One", "b1 3 Two"]
    assert "build b1 does not answer: this message takes 9000 tokens" in printed.err
    assert "exit code 9" in printed.err
    assert talk(monkeypatch, "die\n") == 1


def test_what_a_model_says_cannot_steer_the_terminal(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "--base", "--message", "long"]) == 0
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out
    assert printed.out.endswith("\ufffd[2J\nend\n")
    assert "[answered without the first 2 messages: the window is full]" in printed.err
    assert "[cut after 256 tokens: --max-tokens]" in printed.err


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["--message", " "], 2, "--message is empty"),
        (["--max-tokens", "0", "--message", "x"], 2, "--max-tokens must be 1 or more"),
        (["--settings", "nowhere.toml", "--message", "x"], 2, "No settings file"),
    ],
)
def test_wrong_use(state: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, why: str) -> None:
    assert main(["chat", *arguments]) == code
    assert why in capsys.readouterr().err


def test_a_damaged_registry_is_told(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (state / "registry").mkdir(parents=True)
    (state / "registry" / "aliases.json").write_text("{")
    assert main(["chat", "--message", "Hello"]) == 1
    assert "aliases.json is damaged" in capsys.readouterr().err
    with pytest.raises(RegistryError):
        Models(state, "x").champion()


def test_left_in_the_middle_the_model_is_loaded_anew(state: Path) -> None:
    speaker = Speaker(
        Models(state, str(state.parent / "base" / "student")).choose(None), target="tests.unit.talk_targets:echo"
    )

    def leave(piece: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        speaker.ask("One", 8, leave)
    assert speaker.history == []
    assert speaker.ask("Two", 8, lambda piece: None).text == "base 1 Two"
    speaker.close()
    speaker.close()
    with pytest.raises(SpeakerError):
        speaker.ask("die", 8, lambda piece: None)
    speaker.close()
