"""Hands jobs to the program `evaluate` (test/evaluate/main.cpp), shared by the conformance scripts."""
import concurrent.futures
import os
import subprocess


def evaluate_all(evaluate, jobs):
    """Output lines of all jobs, which are dealt out to as many processes as there are cores, and what went to stderr."""
    def run(share):
        return subprocess.run([evaluate], input="".join(job + "\n" for job in share), capture_output=True, text=True)

    shares = os.cpu_count()
    with concurrent.futures.ThreadPoolExecutor(shares) as pool:
        done = list(pool.map(run, [jobs[first::shares] for first in range(shares)]))
    return sorted(line for part in done for line in part.stdout.splitlines()), "".join(part.stderr for part in done)
