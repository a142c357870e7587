"Time functions in interleaved runs, so that other load on the machine affects all of them equally."
import statistics
import time


def medians(functions, runs):
    "Return the median seconds of each function in `{name: function}`. The first run of each isn't counted."
    times = {k: [] for k in functions}
    for i in range(runs+1):
        for k,f in functions.items():
            time.sleep(.02) # let threads of the previous function stop spinning
            start = time.perf_counter()
            f()
            if i: times[k].append(time.perf_counter()-start)
    return {k: statistics.median(v) for k,v in times.items()}
