#!/usr/bin/env python3
"""Runs the floor and Morrow's tasks in turns, and prints the tasks as ratios to the floor.

In turns, because a machine is not equally fast at all times; the median of the turns counts.
"""
import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

TURNS = 3
# What is compared: row, benchmark without its prefix, measure, unit, whether less is better.
ROWS = [
    ("tasks_sync, median", "sync", "p50_us", "µs", True),
    ("tasks_sync, p99", "sync", "p99_us", "µs", True),
    ("tasks_async, 1,000 in flight", "async/1000", "items_per_second", "/s", False),
    ("tasks_async, 10,000 in flight", "async/10000", "items_per_second", "/s", False),
]


def run(program, pattern):
    """The measures of each benchmark of `program` that matches `pattern`, by its name without prefix."""
    command = [str(program), "--benchmark_format=json", f"--benchmark_filter=^[a-z]+_({pattern})"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{done.stderr}bench: {program} ended with status {done.returncode}; what it said is above")
    found = json.loads(done.stdout[done.stdout.index("{"):])["benchmarks"]
    return {entry["name"].removesuffix("/real_time").split("_", 1)[1]: entry for entry in found}


def measure(folder, programs, pattern):
    """{program: {(benchmark, measure): median over the turns}}"""
    seen = {program: {} for program in programs}
    for turn in range(TURNS):
        for program in programs:
            print(f"turn {turn + 1} of {TURNS}: {program}", file=sys.stderr, flush=True)
            results = run(folder / f"bench_{program}", pattern)
            for _, benchmark, key, _, _ in ROWS:
                if key in results.get(benchmark, {}):
                    seen[program].setdefault((benchmark, key), []).append(results[benchmark][key])
    return {program: {what: statistics.median(values) for what, values in found.items()}
            for program, found in seen.items()}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("name", nargs="?", choices=["floor", "tasks_sync", "tasks_async"],
                        help="only this (default: everything)")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    pattern = {"tasks_sync": "sync", "tasks_async": "async"}.get(options.name, "sync|async")
    programs = ["floor"] if options.name == "floor" else ["floor", "tasks"]
    results = measure(options.folder, programs, pattern)

    rows = []
    for row, benchmark, key, unit, less_is_better in ROWS:
        floor = results["floor"].get((benchmark, key))
        tasks = results.get("tasks", {}).get((benchmark, key))
        if floor is None:
            continue
        ratio = None if tasks is None else (tasks / floor if less_is_better else floor / tasks)
        rows.append({"name": row, "unit": unit, "floor": floor, "morrow": tasks, "ratio": ratio})
    if options.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    print(f"{'':32}{'floor':>14}{'Morrow':>14}{'ratio':>8}")
    for row in rows:
        cells = ["-" if row[key] is None else f"{row[key]:,.0f} {row['unit']}" for key in ("floor", "morrow")]
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
        print(f"{row['name']:32}{cells[0]:>14}{cells[1]:>14}{ratio:>8}")


if __name__ == "__main__":
    main()
