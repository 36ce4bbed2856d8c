# SPDX-License-Identifier: Apache-2.0
"""What the records of a soak say: the promise of docs/guarantees.md, computed.

  lost     it was submitted by a driver that lives, or was acknowledged, and hangs, or its value is wrong
  twice    two values of it were seen, made by two executions; or it ran twice, and may be run only once
  without  it failed, and nothing that was done to the cluster explains it
  cause

What explains a failure: the end of the driver's session, when the driver was stopped for its grace; as many attempts
that ended with their process as there may be, `max_retries` + 1; the loss of all workers that had a value that was put.
An attempt is an execution that began, and the death of a worker while the future was there, as that counts for all that
it had claimed, begun or not."""
import bisect
import collections
import dataclasses


@dataclasses.dataclass
class Record:
    """One line; see soak_driver.cc."""
    event: str
    key: str
    time: float  # seconds, monotonic
    words: list


def read_records(path):
    found = []
    for line in path.read_text(errors="replace").splitlines():
        event, key, nanoseconds, *words = line.split()
        found.append(Record(event, key, int(nanoseconds) / 1e9, words))
    return found


@dataclasses.dataclass
class Future:
    """What is known of one."""
    kind: str = ""
    retries: int = 0
    copies: int = 0
    submitted_at: float = 0.0
    begun: int = 0
    nonces: set = dataclasses.field(default_factory=set)
    ends: list = dataclasses.field(default_factory=list)  # records


class Verdict:
    """Of the records, and the faults: [(time, kind, name, seconds that it lasts)]."""

    def __init__(self, records, faults, grace_s, lease_s, hanging_drivers):
        self.grace_s, self.lease_s = grace_s, lease_s
        self.futures = collections.defaultdict(Future)
        self.ended = {}
        self.runs_killed = {name for _, kind, name, _ in faults if kind == "kill driver"}
        self.runs_stopped = {name for _, kind, name, lasts in faults
                             if kind == "stop driver" and lasts > grace_s * 0.8}
        losses = [(time, lasts) for time, kind, _, lasts in faults
                  if kind in ("kill worker", "evicted worker") or (kind == "stop worker" and lasts > lease_s * 0.5)]
        self.losses = sorted(time for time, _ in losses)
        self.all_faults = sorted(time for time, _, _, _ in faults)
        self.lost, self.twice, self.without_cause = [], [], []
        self.with_cause = collections.Counter()
        self.submitted = self.published = self.gone_with_driver = 0
        for record in records:
            self.take(record)
        self.runs = {key.split(".")[0] for key in self.futures}
        self.hanging = set(hanging_drivers)
        for run in hanging_drivers:
            self.lost.append(f"driver {run} does not end")
        for key, future in self.futures.items():
            if future.kind:
                self.judge(key, future)
        self.judge_drivers()

    def take(self, record):
        future = self.futures[record.key]
        if record.event == "submit":
            future.kind, future.retries, future.copies = record.words[0], int(record.words[1]), int(record.words[2])
            future.submitted_at = record.time
        elif record.event == "begin":
            future.begun += 1
        elif record.event == "end":
            self.ended[record.key.split(".")[0]] = record
        elif record.event in ("value", "wrong", "failed", "hangs"):
            future.ends.append(record)
            if record.event == "value" and record.words[0] != "0":
                future.nonces.add(record.words[0])

    @staticmethod
    def between(times, begin, end):
        return bisect.bisect_right(times, end) - bisect.bisect_left(times, begin)

    def judge(self, key, future):
        self.submitted += 1
        run = key.split(".")[0]
        if len(future.nonces) > 1:
            self.twice.append(f"{key} ({future.kind}) has the values of {len(future.nonces)} executions")
        if future.retries == 0 and future.begun > 1:
            self.twice.append(f"{key} ({future.kind}) ran {future.begun} times and may be run once")
        if not future.ends:
            self.gone_with_driver += 1
            if run in self.ended and not self.ended[run].words:
                self.lost.append(f"{key} ({future.kind}): its driver ended in order and has not seen its end")
        elif any(end.event == "value" for end in future.ends):
            self.published += 1
        for end in future.ends:
            text = f"{key} ({future.kind}, begun {future.begun}) {end.event} {' '.join(end.words)}"
            if end.event in ("wrong", "hangs"):
                self.lost.append(text)
            elif end.event == "failed":
                self.judge_failure(run, future, end, text)

    def judge_failure(self, run, future, end, text):
        # A worker may have died just before, and that be known now.
        losses = self.between(self.losses, future.submitted_at - 3 * self.lease_s, end.time)
        if run in self.runs_stopped:
            self.with_cause["its driver was stopped for its grace"] += 1
        elif future.copies and losses >= future.copies and any(
                one in end.words[0] for one in ("ObjectLostError", "DependencyError")):
            self.with_cause[f"a value that was put with {future.copies} copies and lost with {losses} workers"] += 1
        elif future.begun + losses > future.retries and \
                self.between(self.all_faults, future.submitted_at - 3 * self.lease_s, end.time) > future.retries:
            self.with_cause[f"{future.retries} retries used up"] += 1
        else:
            self.without_cause.append(text)

    def judge_drivers(self):
        for run, record in self.ended.items():
            if not record.words:
                continue
            if run in self.runs_stopped:
                self.with_cause["the session of a driver that was stopped for its grace"] += 1
            else:
                self.without_cause.append(f"driver {run} ended: {' '.join(record.words)}")
        for run in self.runs - set(self.ended) - self.runs_killed - self.hanging:
            self.without_cause.append(f"driver {run} ended without a word")

    def bad(self):
        return bool(self.lost or self.twice or self.without_cause)

    def told(self):
        """Lines for people."""
        yield f"{self.gone_with_driver} futures had no end that their driver saw, as it was killed or its session ended"
        for cause, count in sorted(self.with_cause.items()):
            yield f"failed with cause: {count}: {cause}"
        for name, all_of_it in (("lost", self.lost), ("twice", self.twice), ("without cause", self.without_cause)):
            for line in all_of_it[:20]:
                yield f"{name}: {line}"
            if len(all_of_it) > 20:
                yield f"{name}: … and {len(all_of_it) - 20} more"
