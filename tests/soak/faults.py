# SPDX-License-Identifier: Apache-2.0
"""What is done to the processes of a soak, and a log of it."""
import collections
import os
import signal
import time
from pathlib import Path

# How often each is done, relative to the others.
WEIGHTS = {
    "kill worker": 4, "stop worker": 4, "end worker": 1,
    "kill executor": 6, "stop executor": 4,
    "kill fork server": 3, "stop fork server": 3,
    "kill driver": 1, "stop driver": 2,
}
PAUSE_S = 0.8            # between two faults, on average
LONGEST_STOP_S = 2.0     # in leases: some stops are over the lease, most are not
LONGEST_DRIVER_STOP = 1.3  # in graces


def children():
    """{pid: [pids of its children]} of all processes."""
    found = collections.defaultdict(list)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text(errors="replace")  # a name is any bytes
        except OSError:
            continue
        state, parent = stat[stat.rindex(")") + 2:].split()[:2]
        if state != "Z":
            found[int(parent)].append(int(entry.name))
    return found


class Faults:
    """Does them at random times. `log` is [(time, kind, name of the victim, seconds that it lasts)], time monotonic."""

    def __init__(self, cluster, chance):
        self.cluster, self.chance = cluster, chance
        self.log = []
        self.next_at = time.monotonic() + 2
        self.stopped = []  # (time, pid): goes on then

    def step(self):
        now = time.monotonic()
        for entry in [entry for entry in self.stopped if entry[0] <= now]:
            self.go_on(entry)
        if now < self.next_at:
            return
        self.next_at = now + self.chance.expovariate(1 / PAUSE_S)
        kind = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        verb, victim = kind.split(" ", 1)
        found = self.victim(victim)
        if found is not None:
            self.do(verb, victim, *found)

    def victim(self, kind):
        """(name, pid) of one of the kind, or None when there is none now."""
        if kind in ("worker", "driver"):
            all_of_it = self.cluster.workers if kind == "worker" else self.cluster.drivers
            living = [one for one in all_of_it if one.running()]
            if not living:
                return None
            one = self.chance.choice(living)
            return (one.name if kind == "worker" else one.run), one.pid
        tree = children()
        servers = [(worker.name, pid) for worker in self.cluster.workers if worker.running() for pid in tree[worker.pid]]
        executors = [(name, pid) for name, server in servers for pid in tree[server]]
        found = servers if kind == "fork server" else executors
        return self.chance.choice(sorted(found)) if found else None

    def do(self, verb, victim, name, pid):
        lasts = 0.0
        try:
            if verb == "kill":
                os.kill(pid, signal.SIGKILL)
            elif verb == "end":
                os.kill(pid, signal.SIGTERM)
            else:
                unit = self.cluster.grace_s * LONGEST_DRIVER_STOP if victim == "driver" else \
                    self.cluster.lease_s * LONGEST_STOP_S
                lasts = unit * self.chance.random() ** 2 + 0.05
                os.kill(pid, signal.SIGSTOP)
                self.stopped.append((time.monotonic() + lasts, pid))
        except ProcessLookupError:
            return
        fault = (time.monotonic(), f"{verb} {victim}", name, lasts)
        self.log.append(fault)
        with open(self.cluster.folder / "faults", "a") as file:
            print(*fault, pid, file=file)

    def go_on(self, entry):
        self.stopped.remove(entry)
        try:
            os.kill(entry[1], signal.SIGCONT)
        except ProcessLookupError:
            pass

    def stop(self):
        for entry in list(self.stopped):
            self.go_on(entry)

    def summary(self):
        """How many of each kind."""
        counts = collections.Counter(kind for _, kind, _, _ in self.log)
        return f"{len(self.log)} faults (" + ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) + ")"
