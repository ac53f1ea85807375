"""Data-parallel linear regression with an all-reduce of the gradients, over plain TCP.

Reads the variables that torchrun sets, as a real training script does: RANK, WORLD_SIZE,
MASTER_ADDR and MASTER_PORT. Rank 0 gathers the gradients of all, adds them up and sends the sum
back to each; every rank then takes the same step.
"""

import os
import random
import socket
import struct
import time

RANK, WORLD = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
ADDRESS = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
FEATURES, ROWS, STEPS, RATE = 8, 400, 60, 0.2
TRUTH = [feature - 3.5 for feature in range(FEATURES)]


def connect():
    """Rank 0 waits for the others; the others call until it answers."""
    if RANK == 0:
        with socket.create_server(ADDRESS) as server:
            return [server.accept()[0] for _ in range(WORLD - 1)]
    give_up = time.monotonic() + 60
    while True:
        try:
            return [socket.create_connection(ADDRESS)]
        except ConnectionRefusedError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def send(peer, values):
    peer.sendall(struct.pack(f"{len(values)}d", *values))


def receive(peer, count):
    wanted, body = 8 * count, b""
    while len(body) < wanted:
        chunk = peer.recv(wanted - len(body))
        if not chunk:
            raise SystemExit("a peer left the gang")
        body += chunk
    return list(struct.unpack(f"{count}d", body))


def all_reduce(peers, values):
    """The sum over all ranks, the same on each."""
    if RANK:
        send(peers[0], values)
        return receive(peers[0], len(values))
    for peer in peers:
        values = [mine + theirs for mine, theirs in zip(values, receive(peer, len(values)))]
    for peer in peers:
        send(peer, values)
    return values


draw = random.Random(RANK)
rows = [[draw.gauss(0, 1) for _ in range(FEATURES)] for _ in range(ROWS)]
targets = [sum(a * b for a, b in zip(row, TRUTH)) + draw.gauss(0, 0.01) for row in rows]
weights = [0.0] * FEATURES
peers = connect()
for step in range(1, STEPS + 1):
    errors = [sum(a * b for a, b in zip(row, weights)) - t for row, t in zip(rows, targets)]
    gradient = [sum(e * row[j] for e, row in zip(errors, rows)) for j in range(FEATURES)]
    *total, loss = all_reduce(peers, [*gradient, sum(e * e for e in errors)])
    weights = [w - RATE * g / (ROWS * WORLD) for w, g in zip(weights, total)]
    if RANK == 0 and step % 20 == 0:
        print(f"step {step:3} loss {loss / (ROWS * WORLD):.5f} over {WORLD} ranks", flush=True)

worst = max(abs(w - t) for w, t in zip(weights, TRUTH))
print(f"rank {RANK} of {WORLD}: largest error of a weight {worst:.4f}")
if worst > 0.05:
    raise SystemExit("the ranks did not learn the same model")
