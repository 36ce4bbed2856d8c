#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults on a cluster of real processes, and what is computed of them at the end.

Three workers of one cluster, small in memory, and drivers that submit batches of futures of many kinds
(soak_driver.cc). Workers, executors, fork servers and drivers are killed and stopped at random times. Each process
writes down what it did, so that the last line can be computed: what was lost, what ran or was published twice, what
failed without a cause, and what is left when all has ended. It is an error if any of that is not 0."""
import argparse
import os
import random
import sys
import time
from pathlib import Path

from cluster import Cluster
from faults import Faults
from verdict import Verdict, read_records

DRIVERS = 3
DRAIN_S = 300  # for batches to end after the last fault; a future that takes 120 s is one that hangs
GONE_S = 60    # for the cluster to clear what drivers left behind


def say(text):
    print(f"soak: {text}", flush=True)


def soak(build, seconds, seed, keep):
    """The numbers of the last line and what is behind them."""
    chance = random.Random(seed)
    with Cluster(build, chance.randrange(1 << 32), DRIVERS, keep) as cluster:
        say(f"seed {seed}, {seconds:.0f} s; folder {cluster.folder}")
        for worker in cluster.workers:
            worker.start()
        faults = Faults(cluster, random.Random(chance.randrange(1 << 32)))
        begin = time.monotonic()
        told = begin
        most_on_disk = 0
        while time.monotonic() < begin + seconds:
            cluster.keep_workers()
            cluster.keep_drivers()
            faults.step()
            most_on_disk = max(most_on_disk, cluster.bytes_on_disk())
            if time.monotonic() > told + 30:
                told = time.monotonic()
                say(f"{told - begin:.0f} s: {faults.summary()}")
            time.sleep(0.02)
        faults.stop()
        say(f"no more faults after {faults.summary()}; up to {most_on_disk / 1e6:.0f} MB of values were on disk")
        (cluster.folder / "stop").touch()
        hang = cluster.wait_for_drivers(DRAIN_S)
        keys, bytes_left = cluster.wait_until_clear(GONE_S)
        processes = cluster.end()
        verdict = Verdict(read_records(cluster.folder / "records"), faults.log + cluster.evictions, cluster.grace_s,
                          cluster.lease_s, hang)
        keys += cluster.keys_after_the_end()
        bytes_left += cluster.files_left()
    return verdict, keys, bytes_left, processes


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=2, help="how long there are faults (default: 2)")
    parser.add_argument("--seed", type=int, help="of the faults and the batches (default: a new one)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all records and logs, whatever comes out")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(4), "little")
    verdict, keys, bytes_left, processes = soak(options.build, options.minutes * 60, seed, options.keep)
    for line in verdict.told():
        say(line)
    for kind, lines in (("key", keys), ("bytes", bytes_left), ("process", processes)):
        for line in lines[:20]:
            say(f"left: {kind} {line}")
    size = sum(int(line.split()[0]) for line in bytes_left)
    print(f"submitted {verdict.submitted}, published {verdict.published}, lost {len(verdict.lost)}, "
          f"twice {len(verdict.twice)}, failed without cause {len(verdict.without_cause)}, keys left {len(keys)}, "
          f"bytes left {size}, processes left {len(processes)}")
    if verdict.bad() or keys or bytes_left or processes:
        sys.exit(f"soak: not clean; again: ./dev soak --minutes {options.minutes:g} --seed {seed}")


if __name__ == "__main__":
    main()
