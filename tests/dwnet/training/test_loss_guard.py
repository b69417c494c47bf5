import math

import pytest

from dwnet.training.loss_guard import ENOUGH, WINDOW, Exploded, LossGuard, NotFinite, check


def test_the_limit_is_a_multiple_of_the_running_median():
    guard = LossGuard(10.0)
    for number in range(ENOUGH - 1):
        guard.add(float(number))
        assert guard.limit == math.inf
    guard.add(1000.0)
    assert guard.limit == pytest.approx(10 * 9.5)
    for _ in range(WINDOW):
        guard.add(2.0)
    assert guard.limit == 20.0 and len(guard.totals) == WINDOW
    assert LossGuard(10.0, guard.totals).limit == 20.0


def test_no_limit_without_a_ratio():
    assert LossGuard(None, [1.0] * WINDOW).limit == math.inf


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["total", "gradient"])
def test_a_value_that_is_not_finite_is_named(name, value):
    with pytest.raises(NotFinite, match=f"^{name} is {value}$"):
        check({"total": 1.0, "gradient": 2.0} | {name: value}, math.inf)


def test_only_the_total_is_limited():
    check({"total": 5.0, "critic_real": 50.0}, 5.0)
    with pytest.raises(Exploded, match=r"total is 5\.1 and may be 5 at most"):
        check({"total": 5.1}, 5.0)
