"""The front of the served model: what goes through, and what happens to requests while the model behind it changes."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientSession

from pipeline.models import ModelError, ModelFolder
from pipeline.registry import RegistryError
from pipeline.serving.choice import Choice
from pipeline.serving.desk import Desk
from pipeline.serving.engine import VllmEngine, flags
from pipeline.serving.front import BUILD_HEADER, MOST_BYTES
from pipeline.serving.keeper import Keeper, Patience
from pipeline.serving.port import ServeError
from pipeline.serving.server import serve
from tests.integration.serving_bench import QUICK, FakeEngine, World, run


def test_a_request_goes_through_and_says_which_build_answered() -> None:
    async def story() -> None:
        async with World("b1").open() as world:
            headers = {"authorization": "Bearer secret", "cookie": "a=b", "x-kept": "yes"}
            async with world.client.post("/v1/chat/completions", json={"ask": "now"}, headers=headers) as reply:
                assert await reply.json() == {"build": "b1"}
                assert (reply.headers[BUILD_HEADER], reply.headers["x-request-id"]) == ("b1", "7")
            seen = {name.lower(): value for name, value in world.engines[0].headers.items()}
            assert seen["x-kept"] == "yes"
            assert not {"authorization", "cookie"} & seen.keys()

    run(story())


def test_the_listing_names_the_build_and_no_path_of_this_machine() -> None:
    async def story() -> None:
        async with World("b1").open() as world:
            async with world.client.get("/v1/models") as reply:
                (card,) = (await reply.json())["data"]
            assert (card["id"], card["root"], card["digest"]) == ("seedbed", "b1", "digest-b1")
            assert card["max_model_len"] == 2048
            assert "secret" not in json.dumps(card)
            async with world.client.get("/v1/models/seedbed") as reply:
                assert await reply.json() == card

    run(story())


@pytest.mark.parametrize("path", ["/v1/load_lora_adapter", "/sleep", "/v1/chat/completions/x"])
def test_what_an_operator_alone_may_ask_of_vllm_is_not_passed_on(path: str) -> None:
    async def story() -> int:
        async with World().open() as world, world.client.post(path, json={}) as reply:
            return reply.status

    assert run(story()) == 404


def test_a_body_that_is_too_long_is_refused() -> None:
    async def story() -> int:
        async with World().open() as world:
            body = io.BytesIO(b"x" * (MOST_BYTES + 1))
            async with world.client.post("/v1/chat/completions", data=body) as reply:
                return reply.status

    assert run(story()) == 413


def test_nothing_is_dropped_when_another_build_is_promoted() -> None:
    async def story() -> None:
        async with World(None).open() as world:
            old = world.engines[0]
            held = [world.asking("hold") for _ in range(5)] + [world.asking("stream") for _ in range(5)]
            await world.until(lambda: world.desk.station is not None and world.desk.station.in_flight == 10)
            world.champion_is = "b1"
            await world.serving("b1")
            assert await world.ask() == (200, {"build": "b1"})
            assert not old.stopped.is_set()
            assert not any(task.done() for task in held)
            old.go.set()
            for status, answer in await asyncio.gather(*held):
                assert status == 200
                if isinstance(answer, str):
                    assert [json.loads(line[6:])["n"] for line in answer.split("\n\n") if line] == [0, 1, 2]
                else:
                    assert answer == {"build": "base"}
            await old.stopped.wait()
            assert old.answered == 10

    run(story())


def test_requests_under_fire_while_it_switches_again_and_again() -> None:
    async def story() -> None:
        async with World("b0").open() as world:
            stop = asyncio.Event()
            answers: list[tuple[int, Any]] = []

            async def client() -> None:
                while not stop.is_set():
                    answers.append(await world.ask())

            clients = [world.loop.create_task(client()) for _ in range(8)]
            for number in range(1, 6):
                world.champion_is = f"b{number}"
                await world.serving(f"b{number}")
            world.champion_is = "b4"  # a rollback
            await world.serving("b4")
            stop.set()
            await asyncio.gather(*clients)
            assert len(answers) > 50
            assert {status for status, _ in answers} == {200}
            await world.until(lambda: sum(not engine.stopped.is_set() for engine in world.engines) == 1)
            assert world.keeper.counts.done == 6

    run(story())


def test_a_model_that_never_gets_healthy_leaves_the_old_one_and_is_told() -> None:
    async def story() -> None:
        patience = Patience(poll=0.02, start=0.2, drain=5.0, again=60.0)
        async with World("b1", sick={"b2"}, patience=patience).open() as world:
            world.champion_is = "b2"
            await world.until(lambda: world.keeper.counts.failed == 1)
            assert await world.ask() == (200, {"build": "b1"})
            async with world.client.get("/health") as reply:
                told = await reply.json()
                assert (reply.status, told["build"]) == (200, "b1")
            assert told["trouble"] == (
                "build b2 does not start; build b1 goes on serving, and it is tried again in 60 s: "
                "it was not ready after 0.2 s"
            )
            assert world.engines[1].stopped.is_set()
            world.champion_is = "b1"  # rolled back: nothing to do, and nothing to tell
            await world.until(lambda: world.desk.trouble == "")
            assert len(world.engines) == 2

    run(story())


def test_a_model_that_dies_while_it_loads_is_tried_again() -> None:
    async def story() -> None:
        world = World("b1", sick={"b2"})
        async with world.open():
            world.champion_is = "b2"
            await world.until(lambda: len(world.engines) == 2)
            await world.engines[1].die("out of memory")
            await world.until(lambda: "out of memory" in world.desk.trouble)
            world.sick.clear()
            await world.serving("b2")
            assert (world.keeper.counts.done, world.desk.trouble) == (1, "")

    run(story())


def test_loading_ends_when_the_champion_changes_meanwhile() -> None:
    async def story() -> None:
        async with World("b1", sick={"b2"}).open() as world:
            world.champion_is = "b2"
            await world.until(lambda: world.keeper.switching == "b2" and len(world.engines) == 2)
            world.champion_is = "b3"
            await world.serving("b3")
            assert world.engines[1].stopped.is_set()
            assert world.keeper.counts.failed == 0

    run(story())


@pytest.mark.parametrize("error", [ModelError("its folder is missing"), OSError(5, "input/output error")])
def test_a_build_whose_files_are_gone_is_told_and_nothing_changes(error: Exception) -> None:
    async def story() -> None:
        async with World("b1", broken={"b2": error}).open() as world:
            world.champion_is = "b2"
            await world.until(lambda: world.keeper.counts.failed > 0)
            assert await world.ask() == (200, {"build": "b1"})
            assert str(error) in world.desk.trouble

    run(story())


def test_a_registry_that_cannot_be_read_changes_nothing() -> None:
    async def story() -> None:
        async with World("b1").open() as world:
            world.champion_is = RegistryError("aliases.json is damaged")
            await world.until(lambda: "damaged" in world.desk.trouble)
            assert await world.ask() == (200, {"build": "b1"})
            world.champion_is = "b1"
            await world.until(lambda: world.desk.trouble == "")

    run(story())


def test_an_engine_that_dies_loses_no_request() -> None:
    async def story() -> None:
        async with World("b1").open() as world:
            held = [world.asking("hold") for _ in range(4)]
            await world.until(lambda: world.desk.station is not None and world.desk.station.in_flight == 4)
            await world.engines[0].die()
            await world.until(lambda: len(world.engines) == 2)
            world.engines[1].go.set()
            assert await asyncio.gather(*held) == [(200, {"build": "b1"})] * 4
            assert world.engines[0].stopped.is_set()

    run(story())


def test_a_request_that_kills_engines_is_given_up_and_the_next_one_is_answered() -> None:
    async def story() -> None:
        async with World("b1").open() as world:
            status, answer = await world.ask("die")
            assert (status, answer["error"]["code"]) == (502, 502)
            assert "died 3 times under this request" in answer["error"]["message"]
            assert await world.ask() == (200, {"build": "b1"})
            assert len(world.engines) == 4

    run(story())


def test_a_stream_that_breaks_off_ends_with_an_error_and_not_as_if_it_were_whole() -> None:
    async def story() -> None:
        async with World("b1").open() as world:
            status, text = await world.ask("die-in-stream")
            events = [json.loads(line[6:]) for line in text.split("\n\n") if line]
            assert (status, events[0]["n"], len(events)) == (200, 0, 2)
            assert "died in the middle of this answer" in events[1]["error"]["message"]

    run(story())


def test_a_client_that_leaves_frees_its_place() -> None:
    async def story() -> None:
        async with World("b1").open() as world:
            task = world.asking("hold")
            await world.engines[0].arrived.wait()
            task.cancel()
            await world.engines[0].left.wait()
            await world.until(lambda: world.desk.station is not None and world.desk.station.in_flight == 0)

    run(story())


def test_one_at_a_time_holds_requests_and_never_has_two() -> None:
    async def story() -> None:
        most = 0

        def meet(engine: FakeEngine) -> None:
            nonlocal most
            most = max(most, sum(not one.stopped.is_set() for one in world.engines))

        world = World("b1", one_at_a_time=True, sick={"b2"}, meet=meet)
        async with world.open():
            held = world.asking("hold")
            await world.engines[0].arrived.wait()
            world.champion_is = "b2"
            await world.until(lambda: world.desk.station is None)
            waiting = [world.asking("now") for _ in range(3)]
            await world.until(lambda: world.desk.waiting == 3)
            async with world.client.get("/health") as reply:
                told = await reply.json()
                assert (reply.status, told["waiting"], told["switching_to"]) == (503, 3, "b2")
            world.engines[0].go.set()
            assert await held == (200, {"build": "b1"})
            await world.until(lambda: len(world.engines) == 2)
            world.engines[1].healthy = True
            assert await asyncio.gather(*waiting) == [(200, {"build": "b2"})] * 3
            assert most == 1

    run(story())


def test_one_at_a_time_starts_the_old_one_again_where_the_new_one_fails() -> None:
    async def story() -> None:
        patience = Patience(poll=0.02, start=0.2, drain=5.0, again=60.0)
        async with World("b1", one_at_a_time=True, sick={"b2"}, patience=patience).open() as world:
            world.champion_is = "b2"
            await world.until(lambda: world.keeper.counts.failed == 1)
            assert await world.ask() == (200, {"build": "b1"})
            assert [engine.label for engine in world.engines] == ["b1", "b2", "b1"]

    run(story())


def test_what_served_last_is_put_back_while_the_champion_does_not_start() -> None:
    async def story() -> None:
        patience = Patience(poll=0.02, start=0.2, drain=5.0, again=60.0)
        async with World("b1", sick={"b2"}, patience=patience).open() as world:
            world.champion_is = "b2"
            await world.until(lambda: world.keeper.counts.failed == 1)
            await world.engines[0].die()
            assert await world.ask() == (200, {"build": "b1"})
            assert [engine.label for engine in world.engines] == ["b1", "b2", "b1"]

    run(story())


def test_an_engine_that_dropped_one_connection_goes_on() -> None:
    async def story() -> None:
        async with World("b1").open() as world:
            station = world.desk.station
            assert station is not None
            world.desk.suspect(station)
            assert await world.ask() == (200, {"build": "b1"})
            assert len(world.engines) == 1

    run(story())


def test_who_waits_too_long_hears_why() -> None:
    async def story() -> None:
        async with World("b1", hold_s=0.05).open(begin=False) as world:
            world.desk.trouble = "build b1 does not start: the disk is full"
            async with world.client.post("/v1/chat/completions", json={"ask": "now"}) as reply:
                said = (await reply.json())["error"]["message"]
                assert (reply.status, reply.headers["retry-after"]) == (503, "10")
            assert said == "no model answers at the moment: build b1 does not start: the disk is full"
            async with world.client.get("/v1/models") as reply:
                assert (await reply.json())["data"] == []

    run(story())


def test_a_first_model_that_does_not_start_is_an_error_and_leaves_nothing_behind() -> None:
    async def story() -> None:
        patience = Patience(poll=0.02, start=0.1)
        async with World("b1", sick={"b1"}, patience=patience).open(begin=False) as world:
            with pytest.raises(ServeError, match="not ready after"):
                await world.keeper.begin()
            assert world.engines[0].stopped.is_set()
            world.broken["b1"] = ModelError("the champion's model is missing")
            with pytest.raises(ServeError, match="is missing"):
                await world.keeper.begin()

    run(story())


def test_figures_for_monitoring() -> None:
    async def story() -> None:
        async with World("b1").open() as world:
            await world.ask()
            world.champion_is = None
            await world.serving("base")
            async with world.client.get("/metrics") as reply:
                text = await reply.text()
            assert 'seedbed_model_requests_total{code="200"} 1.0' in text
            assert 'seedbed_model_serving{build="base"} 1.0' in text
            assert 'build="b1"' not in text
            assert 'seedbed_model_switches{result="done"} 1.0' in text
            assert "seedbed_model_in_flight 0.0" in text

    run(story())


def test_a_stop_takes_no_more_finishes_what_runs_and_ends_the_engine() -> None:
    async def story() -> None:
        world = World("b1")
        world.loop = asyncio.get_running_loop()
        world.desk = Desk(10.0)
        keeper = Keeper(world, world.launch, world.desk, patience=QUICK)
        port: asyncio.Future[int] = world.loop.create_future()
        serving = world.loop.create_task(serve(keeper, world.desk, "127.0.0.1", 0, ready=port.set_result))
        async with ClientSession(f"http://127.0.0.1:{await port}") as world.client:
            held = world.asking("hold")
            await world.engines[0].arrived.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            while await _open(world.client):
                await asyncio.sleep(0.01)
            assert not held.done()
            world.engines[0].go.set()
            assert await held == (200, {"build": "b1"})
        await serving
        assert world.engines[0].stopped.is_set()

    run(story())


async def _open(client: ClientSession) -> bool:
    try:
        async with client.get("/health", headers={"connection": "close"}):
            return True
    except ClientConnectionError:
        return False


def test_an_address_that_is_taken_and_a_model_that_does_not_start_are_errors() -> None:
    async def story() -> None:
        async with World("b1").open() as world:
            taken = int(world.url.rpartition(":")[2])
            with pytest.raises(ServeError, match=f"127.0.0.1:{taken} cannot be listened on"):
                await serve(Keeper(world, world.launch, Desk(1.0), patience=QUICK), Desk(1.0), "127.0.0.1", taken)
            world.broken["b1"] = ModelError("the champion's model is missing")
            with pytest.raises(ServeError, match="model is missing"):
                await serve(Keeper(world, world.launch, Desk(1.0), patience=QUICK), Desk(1.0), "127.0.0.1", 0)

    run(story())


def test_a_build_without_a_merged_model_is_not_served() -> None:
    model = ModelFolder(Path("/models/base"), "build b2", "d", "apache-2.0")
    with pytest.raises(ServeError, match="build b2 was not promoted"):
        VllmEngine(Choice("b2", model, Path("/adapter")), context_tokens=512)


def test_arguments_as_the_command_line_has_them() -> None:
    words = flags({"model": "/m", "enforce_eager": True, "enable_chunked_prefill": False, "limits": {"a": 1}})
    assert words == ["--model", "/m", "--enforce-eager", "--no-enable-chunked-prefill", "--limits", '{"a": 1}']
