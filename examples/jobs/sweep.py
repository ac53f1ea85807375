"""Train a small network on two interleaved half-moons; each element of the array tries one pair of
learning rate and width. Pure Python, so that it runs wherever Python does."""

import math
import os
import random

RATES = (0.03, 0.1, 0.3, 0.6)
WIDTHS = (4, 8, 16)
EPOCHS = 80

index = int(os.environ["HUTONG_ARRAY_INDEX"])
rate, width = RATES[index % len(RATES)], WIDTHS[index // len(RATES) % len(WIDTHS)]
draw = random.Random(index)


def half_moons(count):
    """Points of two half circles, one label each, with a little noise."""
    points = []
    for number in range(count):
        label, angle = number % 2, math.pi * draw.random()
        x, y = math.cos(angle), math.sin(angle)
        if label:
            x, y = 1 - x, 0.5 - y
        points.append((x + draw.gauss(0, 0.1), y + draw.gauss(0, 0.1), label))
    return points


train, test = half_moons(300), half_moons(200)
hidden = [[draw.gauss(0, 1) for _ in range(3)] for _ in range(width)]
output = [draw.gauss(0, 1) / width for _ in range(width + 1)]


def forward(x, y):
    """The hidden activations, and the probability of label 1."""
    active = [math.tanh(a * x + b * y + c) for a, b, c in hidden]
    logit = sum(weight * value for weight, value in zip(output, active)) + output[-1]
    return active, 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


for epoch in range(1, EPOCHS + 1):
    draw.shuffle(train)
    loss = 0.0
    for x, y, label in train:
        active, guess = forward(x, y)
        loss -= math.log(max(1e-12, guess if label else 1 - guess))
        slope = guess - label
        for unit, (weights, value) in enumerate(zip(hidden, active)):
            back = slope * output[unit] * (1 - value * value)
            output[unit] -= rate * slope * value
            weights[0] -= rate * back * x
            weights[1] -= rate * back * y
            weights[2] -= rate * back
        output[-1] -= rate * slope
    if epoch % 20 == 0:
        print(f"epoch {epoch:3} loss {loss / len(train):.4f}", flush=True)

right = sum((forward(x, y)[1] > 0.5) == bool(label) for x, y, label in test)
chip = os.environ.get("HUTONG_ACCELERATOR") or "cpu"
print(f"rate={rate} width={width} accuracy={right / len(test):.3f} chip={chip}")
