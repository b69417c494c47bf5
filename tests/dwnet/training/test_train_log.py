"""What TensorBoard shows of a training."""

import logging

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from densepose_cache.core.errors import InputError
from dwnet.training.train_log import Board, TrainLog, board_folder, restore_log

CPU = torch.device("cpu")
RUN, OTHER = "a" * 64, "b" * 64
PICTURE = "source | driving IUV | coarse warp | generated | real"


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("tensorboard").setLevel(logging.ERROR)


def _shown(folder, run: str = RUN) -> EventAccumulator:
    return EventAccumulator(str(board_folder(folder, run))).Reload()


def _run(folder, start: int, steps: range, memory=None, run: str = RUN) -> dict:
    log = TrainLog(folder, run, start, 2, CPU, memory)
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


def test_what_another_training_wrote_before_its_first_state_is_gone(tmp_path):
    state = _run(tmp_path, 0, range(1, 5))
    text = (tmp_path / "train_log.csv").read_text()
    _run(tmp_path, 0, range(1, 9), run=OTHER)
    restore_log(tmp_path, RUN, 4, state)
    assert (tmp_path / "train_log.csv").read_text() == text and text.count("\n") == 3
    assert [path.name for path in (tmp_path / "tensorboard").iterdir()] == [RUN[:8]]
    assert [event.step for event in _shown(tmp_path).Scalars("total")] == [2, 4]


def test_a_training_with_a_state_of_its_own_takes_the_place_of_the_one_before(tmp_path):
    _run(tmp_path, 0, range(1, 5))
    log = TrainLog(tmp_path, OTHER, 0, 2, CPU, None)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 2
    log.take_place()
    assert [path.name for path in (tmp_path / "tensorboard").iterdir()] == [OTHER[:8]]


@pytest.mark.parametrize("disturbed", [False, True])
def test_a_log_from_before_states_held_rows_goes_on(tmp_path, disturbed):
    """Unless another training has written its own since then: whose rows those are is not known."""
    memory = _run(tmp_path, 0, range(1, 9))
    del memory["rows"]
    for path in board_folder(tmp_path, RUN).iterdir():
        path.rename(tmp_path / "tensorboard" / path.name)
    board_folder(tmp_path, RUN).rmdir()
    if disturbed:
        _run(tmp_path, 0, range(1, 3), run=OTHER)
    _run(tmp_path, 5, range(6, 9), memory)
    rows = [line.split(",")[0] for line in (tmp_path / "train_log.csv").read_text().splitlines()]
    assert rows == (["step", "6", "8"] if disturbed else ["step", "2", "4", "6", "8"])
    assert [event.step for event in _shown(tmp_path).Scalars("total")] == [2, 4, 6, 8]


def test_events_are_on_disk_at_once(tmp_path):
    board = Board(board_folder(tmp_path, RUN), 0)
    board.scalars({"a": 1.0}, 1)
    assert [event.step for event in _shown(tmp_path).Scalars("a")] == [1]
    board.close()


def test_text_for_the_progress_bar_has_speed_memory_and_losses(tmp_path):
    log = TrainLog(tmp_path, RUN, 0, 2, CPU, None)
    text = log.text(3, {"total": 1.23456, "l1": 0.5})
    assert text.endswith("total 1.235 l1 0.5") and " samples/s | " in text and " GB | " in text


def test_a_row_that_does_not_fit_on_the_disk_is_taken_back(tmp_path, room):
    rows = "step,seconds,learning_rate,total\n" + "1,0.1,0.0001,1.0\n" * 1000
    log = TrainLog(tmp_path, RUN, 1, 2, CPU, {"sums": {}, "count": 0, "seconds": 0.0, "rows": rows})
    log.add({"total": 2.0})
    room(len(rows) + 5)
    with pytest.raises(InputError, match=r"train_log\.csv: cannot be written \(file too large\)"):
        log.row(2, 1e-4)
    room(None)
    assert (tmp_path / "train_log.csv").read_text() == rows
    log.row(2, 1e-4)
    assert (tmp_path / "train_log.csv").read_text().startswith(rows + "2,")
