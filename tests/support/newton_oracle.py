"""The Newton learner in plain Python: one number at a time, nothing of NumPy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from models.contract import NewtonRecipe

Matrix = list[list[float]]


@dataclass
class NewtonOracle:
    """Learns blocks of 8 examples up to 128, an eighth of those seen."""

    recipe: NewtonRecipe
    features: int
    count: int = 0
    weights: list[float] = field(default_factory=list)
    curvature: Matrix = field(default_factory=list)
    seen: Matrix = field(default_factory=list)
    waiting: list[tuple[list[float], float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = self.features + 1
        self.weights = [0.0] * n
        self.curvature = [[0.0] * n for _ in range(n)]

    def learn(self, x: list[float], y: float) -> float:
        """The score before the block of this example."""
        row = [1.0, *x]
        self.waiting.append((row, y))
        score = dot(row, self.weights)
        if len(self.waiting) == min(max(8, self.count // 8), 128):
            self._step()
        return score

    def _step(self) -> None:
        block, self.waiting = self.waiting, []
        self.count += len(block)
        self.seen += [row for row, _ in block]
        n = range(self.features + 1)
        keep = (1.0 - self.recipe.forget) ** len(block)
        held = [[keep * c for c in row] for row in self.curvature]
        kept = [row[:] for row in held]
        for i in n:
            held[i][i] += self._damping(i)
        w = self.weights
        for _ in range(2):
            bent = [row[:] for row in held]
            moved = [a - b for a, b in zip(w, self.weights, strict=True)]
            gradient = [-dot(held[i], moved) for i in n]
            for row, y in block:
                pull, bend = self._slopes(dot(row, w), y)
                for i in n:
                    gradient[i] += pull * row[i]
                    for j in n:
                        bent[i][j] += bend * row[i] * row[j]
            w = [a + b for a, b in zip(w, solve(bent, gradient), strict=True)]
        for row, y in block:
            bend = max(self._slopes(dot(row, w), y)[1], 1e-3)
            for i in n:
                for j in n:
                    kept[i][j] += bend * row[i] * row[j]
        self.curvature, self.weights = kept, w

    def _damping(self, i: int) -> float:
        if i == 0:
            return 0.01
        values = [row[i] for row in self.seen]
        mean = sum(values) / len(values)
        squares = sum((v - mean) ** 2 for v in values)
        return self.recipe.damping * max((squares + 100.0) / (len(values) + 100.0), 1e-3)

    def _slopes(self, z: float, y: float) -> tuple[float, float]:
        if self.recipe.loss == "log":
            p = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))
            return y - p, p * (1.0 - p)
        bend = min(1.0, self.recipe.huber / max(abs(y - z), self.recipe.huber))
        return bend * (y - z), bend


def dot(a: list[float], b: list[float]) -> float:
    """Of two vectors."""
    return sum(x * y for x, y in zip(a, b, strict=True))


def solve(a: Matrix, b: list[float]) -> list[float]:
    """The x of a x = b, by elimination with the largest pivot."""
    n = len(b)
    rows = [[*row, y] for row, y in zip(a, b, strict=True)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            share = rows[r][i] / rows[i][i]
            for c in range(i, n + 1):
                rows[r][c] -= share * rows[i][c]
    x = [0.0] * n
    for i in reversed(range(n)):
        x[i] = (rows[i][n] - dot(rows[i][i + 1 : n], x[i + 1 :])) / rows[i][i]
    return x
