"""Tasks in one line: in turn, stopped before and within, failing."""

import threading
import time

import pytest

from densepose_cache.core.errors import InputError
from dwnet.page.work import Task, Worker


def wait(*tasks):
    end = time.monotonic() + 20
    while not all(task.ended for task in tasks):
        assert time.monotonic() < end
        time.sleep(0.005)


def test_tasks_run_in_turn_and_say_how_far_they_are():
    order, go = [], threading.Event()

    def work(name):
        def run(report):
            go.wait(20)
            order.append(name)
            for done in range(4):
                report(done, 3)
                time.sleep(0.02)
            return name

        return Task(run)

    tasks = [work(name) for name in "abc"]
    with Worker() as worker:
        for task in tasks:
            worker.add(task)
        assert [worker.before(task) for task in tasks] == [0, 1, 2]
        go.set()
        wait(*tasks)
        assert [worker.before(task) for task in tasks] == [0, 0, 0]
    assert order == ["a", "b", "c"] and [task.result for task in tasks] == order
    assert tasks[0].state == "done" and 5 < tasks[0].rate < 60 and tasks[0].seconds_left == 0


def test_a_task_is_stopped_before_it_begins_and_while_it_works():
    begun, closed = threading.Event(), []

    def endless(report):
        try:
            while True:
                begun.set()
                report(1, 2)
                time.sleep(0.005)
        finally:
            closed.append(True)

    first, second, third = Task(endless), Task(endless), Task(lambda report: 3)
    with Worker() as worker:
        for task in (first, second, third):
            worker.add(task)
        begun.wait(20)
        second.stop()
        assert second.state == "stopped" and worker.before(third) == 1
        first.stop()
        wait(first, third)
    assert first.state == "stopped" and third.result == 3 and closed == [True]


def test_the_end_of_the_server_stops_all():
    def endless(report):
        while True:
            report(0, 1)
            time.sleep(0.005)

    tasks = [Task(endless), Task(endless)]
    with Worker() as worker:
        for task in tasks:
            worker.add(task)
    assert [task.state for task in tasks] == ["stopped", "stopped"]


@pytest.mark.parametrize(
    ("error", "said"),
    [(InputError("a.jpg: is wrong"), "a.jpg: is wrong"), (ZeroDivisionError("oh"), "Something went wrong here (ZeroDivisionError: oh)")],
)
def test_what_goes_wrong_is_said_and_the_next_task_runs(error, said):
    def fail(report):
        raise error

    tasks = [Task(fail), Task(lambda report: 1)]
    with Worker() as worker:
        for task in tasks:
            worker.add(task)
        wait(*tasks)
    assert tasks[0].state == "failed" and said in tasks[0].error and tasks[1].state == "done"
