"""What TensorBoard shows of a training."""

import logging

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from densepose_cache.errors import InputError
from dwnet.board import Board
from dwnet.train_log import TrainLog

CPU = torch.device("cpu")
PICTURE = "source | driving IUV | coarse warp | generated | real"


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("tensorboard").setLevel(logging.ERROR)


def _shown(folder) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard")).Reload()


def _run(folder, start: int, steps: range, memory=None) -> dict:
    log = TrainLog(folder, start, 2, CPU, memory)
    for step in steps:
        log.add({"total": float(step), "l1": step / 10})
        if step % 2 == 0:
            log.row(step, 1e-4)
    log.picture(steps[-1], torch.full((3, 4, 10), 7, dtype=torch.uint8))
    state = log.memory()
    log.close()
    return state


def test_scalars_are_means_since_the_row_before(tmp_path):
    _run(tmp_path, 0, range(1, 7))
    shown = _shown(tmp_path)
    assert [(event.step, event.value) for event in shown.Scalars("total")] == [(2, 1.5), (4, 3.5), (6, 5.5)]
    assert {"total", "l1", "learning_rate", "samples_per_second", "memory_gigabytes"} == set(shown.Tags()["scalars"])
    assert all(0.05 < event.value < 500 for event in shown.Scalars("memory_gigabytes"))
    assert (tmp_path / "train_log.csv").read_text().splitlines()[0] == "step,seconds,learning_rate,total,l1"


def test_pictures_come_back_as_they_were(tmp_path):
    _run(tmp_path, 0, range(1, 3))
    (event,) = _shown(tmp_path).Images(PICTURE)
    import io

    from PIL import Image

    picture = np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))
    assert event.step == 2 and picture.shape == (4, 10, 3) and (picture == 7).all()


def test_a_resumed_training_hides_what_a_killed_one_had_logged_beyond_its_state(tmp_path):
    state = _run(tmp_path, 0, range(1, 4))
    _run(tmp_path, 3, range(4, 9), state)
    _run(tmp_path, 3, range(4, 7), state)
    events = _shown(tmp_path).Scalars("total")
    assert [(event.step, event.value) for event in events] == [(2, 1.5), (4, 3.5), (6, 5.5)]
    rows = [line.split(",")[0] for line in (tmp_path / "train_log.csv").read_text().splitlines()]
    assert rows == ["step", "2", "4", "6"]


def test_a_fresh_training_shows_itself_alone(tmp_path):
    _run(tmp_path, 0, range(1, 9))
    _run(tmp_path, 0, range(1, 3))
    assert [event.step for event in _shown(tmp_path).Scalars("total")] == [2]


def test_events_are_on_disk_at_once(tmp_path):
    board = Board(tmp_path / "tensorboard", 0)
    board.scalars({"a": 1.0}, 1)
    assert [event.step for event in _shown(tmp_path).Scalars("a")] == [1]
    board.close()


def test_text_for_the_progress_bar_has_speed_memory_and_losses(tmp_path):
    log = TrainLog(tmp_path, 0, 2, CPU, None)
    text = log.text(3, {"total": 1.23456, "l1": 0.5})
    assert text.endswith("total 1.235 l1 0.5") and " samples/s | " in text and " GB | " in text


def test_a_row_that_does_not_fit_on_the_disk_is_taken_back(tmp_path, monkeypatch):
    log = TrainLog(tmp_path, 0, 2, CPU, None)
    log.add({"total": 1.0})
    log.row(1, 1e-4)
    before = (tmp_path / "train_log.csv").read_bytes()

    def half(self, row):
        (tmp_path / "train_log.csv").open("ab").write(b"2,0.1")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("csv.DictWriter.writerow", half)
    log.add({"total": 2.0})
    with pytest.raises(InputError, match=r"train_log\.csv: cannot be written \(no space left on device\)"):
        log.row(2, 1e-4)
    assert (tmp_path / "train_log.csv").read_bytes() == before
