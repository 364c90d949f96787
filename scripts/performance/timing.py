"""Measures the time of a call in the same way as our benches."""

import statistics
import time

WARM_UP, MEASURE, SAMPLES = 0.2, 0.5, 10  # seconds, seconds, number


def median_seconds(run, warm_up=WARM_UP, measure=MEASURE):
    """Returns the median over samples of the mean seconds of a call. As in criterion, a sample of a
    short function has many calls, so that occasional slow calls contribute."""
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < warm_up:
        run()
        calls += 1
    per_sample = max(1, round(calls * measure / elapsed / SAMPLES))
    means = []
    for _ in range(SAMPLES):
        start = time.perf_counter()
        for _ in range(per_sample):
            run()
        means.append((time.perf_counter() - start) / per_sample)
    return statistics.median(means)
