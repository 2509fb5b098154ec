"""Online Platt scaling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from afflux.bins import bins_of, moved
from models.bin_means import Calibration
from models.calibration import PlattScaling, sigmoid


def test_follows_the_newton_step_of_the_paper() -> None:
    """Equal to the matrix form: A += g gᵀ, (a, b) -= A⁻¹ g / gamma."""
    random = np.random.default_rng(1)
    scores = random.normal(0, 3, 300)
    labels = (random.random(300) < 0.3).astype(float)
    theta, curvature = np.array([1.0, 0.0]), 100.0 * np.eye(2)
    for z, y in zip(scores, labels, strict=True):
        g = (1 / (1 + math.exp(-theta @ [z, 1.0])) - y) * np.array([z, 1.0])
        curvature += np.outer(g, g)
        theta = theta - np.linalg.solve(curvature, g) / 0.1
    platt = PlattScaling()
    platt.learn(scores.tolist(), labels.tolist())
    np.testing.assert_allclose(platt.coefficients, theta, rtol=1e-9)


@pytest.mark.parametrize(("slope", "shift"), [(0.4, -1.0), (1.0, 0.0), (2.0, 0.5)])
def test_undoes_over_and_under_confidence(slope: float, shift: float) -> None:
    """Where the truth is sigmoid(slope z + shift), that is what it comes to."""
    random = np.random.default_rng(2)
    scores = random.normal(0, 1.5, 20_000)
    labels = random.random(20_000) < 1 / (1 + np.exp(-(slope * scores + shift)))
    platt = PlattScaling()
    platt.learn(scores.tolist(), labels.astype(float).tolist())
    assert platt.coefficients == pytest.approx((slope, shift), abs=0.15)


def test_absurd_scores_do_no_lasting_harm() -> None:
    """Infinite scores stay finite, and the coefficients stay in their ball."""
    platt = PlattScaling()
    platt.learn([math.inf, -math.inf, 1e300] * 50, [0.0, 1.0, 0.0] * 50)
    a, b = platt.coefficients
    assert math.hypot(a, b) <= 100.0 + 1e-9


def test_state_goes_on_as_if_never_left() -> None:
    """Half now, half after a reload: the same coefficients."""
    scores, labels = [0.5, -1.0, 2.0, 0.1] * 10, [1.0, 0.0, 0.0, 1.0] * 10
    whole, first, second = PlattScaling(), PlattScaling(), PlattScaling()
    whole.learn(scores, labels)
    first.learn(scores[:20], labels[:20])
    second.load(first.state())
    second.learn(scores[20:], labels[20:])
    assert second.coefficients == whole.coefficients


def test_sigmoid_does_not_overflow() -> None:
    """Both ends are exact."""
    assert (sigmoid(-1e4), sigmoid(0.0), sigmoid(1e4)) == (0.0, 0.5, 1.0)


def test_the_best_of_three_serves() -> None:
    """Sound scores stay as they are, stretched ones are scaled, bent ones are put into bins."""
    random = np.random.default_rng(5)
    z = random.normal(0.0, 1.5, 6_000)
    label = (random.random(len(z)) < 1 / (1 + np.exp(-z))).astype(float)
    bent = np.where(z > 0, 3.0, 0.3) * z
    for scores, served in ((3.0 * z, "platt"), (bent, "bins")):
        calibration = Calibration()
        calibration.learn(scores.tolist(), label.tolist(), range(6_000), range(6_000))
        assert calibration.serves == served


def test_bins_keep_the_order_and_go_on_from_their_state() -> None:
    """Within a bin a larger score stays larger; state and blocks change no bit."""
    random = np.random.default_rng(6)
    z = random.normal(0.0, 2.0, 3_000)
    label = (random.random(len(z)) < 1 / (1 + np.exp(-np.where(z > 0, 0.3, 1.0) * z))).astype(float)
    whole, parts = Calibration(), Calibration()
    whole.learn(z.tolist(), label.tolist(), range(3_000), range(3_000))
    for at in range(0, len(z), 700):
        part = slice(at, at + 700)
        when = range(3_000)[part]
        parts.learn(z[part].tolist(), label[part].tolist(), when, when)
        again = Calibration()
        again.load(parts.state())
        parts = again
    assert whole.serves == "bins"
    assert all((whole.state()[n] == a).all() for n, a in parts.state().items())
    assert np.abs(whole.shifts).max() <= 1.0
    inside = np.linspace(0.01, 0.49, 20)
    served = moved(1 / (1 + np.exp(-inside)), whole.shifts[bins_of(inside)])
    assert (np.diff(served) > 0).all()


def test_a_calibration_that_comes_too_late_does_not_serve() -> None:
    """The share of positives swings; labels come half a swing later: Platt scaling misleads."""
    n, window = 8_000, 1_000
    random = np.random.default_rng(7)
    at = np.arange(n)
    swing = np.where(at // window % 2 == 0, -1.0, 1.0)
    z = random.normal(0.0, 1.0, n)
    label = (random.random(n) < 1 / (1 + np.exp(-(z + swing)))).astype(float)
    late, prompt = Calibration(), Calibration()
    late.learn(z.tolist(), label.tolist(), at.tolist(), (at + window).tolist())
    prompt.learn(z.tolist(), label.tolist(), at.tolist(), at.tolist())
    assert late.serves == "none"
    assert prompt.serves != "none"
