import json
import math

import pytest

from augpipe.train.events import EventLog


@pytest.fixture
def log(tmp_path):
    return EventLog(tmp_path / "events.jsonl")


def test_events_are_lines_of_json_with_a_time(log, tmp_path):
    assert log.events() == []
    log.add("begin", step=0)
    log.add("epoch", step=3, loss=math.nan)
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["begin", "epoch"]
    first, second = log.events()
    assert (first["step"], second["step"], second["loss"]) == (0, 3, None)
    assert first["time"] <= second["time"]


@pytest.mark.parametrize("torn", ['{"event": "ep', '{"time": "2026', "{", "3"])
def test_a_torn_line_is_closed_and_left_out(log, tmp_path, torn):
    log.add("begin")
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write(torn)
    log.add("resume")
    assert [event["event"] for event in log.events()] == ["begin", "resume"]
