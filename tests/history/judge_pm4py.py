"""Run by PM4Py's own interpreter: read an exported log and print what is in it, as JSON."""

import json
import sys

import pm4py

path = sys.argv[1]
if path.endswith((".json", ".jsonocel")):
    ocel = pm4py.read_ocel2_json(path)
    found = {
        "events": len(ocel.events),
        "objects": sorted(ocel.objects["ocel:type"].unique()),
        "activities": sorted(ocel.events["ocel:activity"].unique()),
        "changes": len(ocel.object_changes),
    }
else:
    if path.endswith((".xes", ".xes.gz")):
        log = pm4py.read_xes(path)
    else:
        import pandas as pd

        log = pd.read_csv(path)
        log["time:timestamp"] = pd.to_datetime(log["time:timestamp"], utc=True)
        log["case:concept:name"] = log["case:concept:name"].astype(str)
    pm4py.discover_dfg(log)
    found = {
        "events": len(log),
        "cases": sorted(log["case:concept:name"].unique()),
        "activities": sorted(log["concept:name"].unique()),
        "first": str(log["time:timestamp"].min().tz_convert("UTC")),
    }
sys.stdout.write(json.dumps(found) + "\n")
