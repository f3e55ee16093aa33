"""Run by PM4Py's own interpreter: read an exported log and print what is in it, as JSON.

An OCEL log is also written to the files named after it, in the form that their endings say.
"""

import json
import sys
from pathlib import Path

import pm4py

READ = {
    ".json": pm4py.read_ocel2_json,
    ".jsonocel": pm4py.read_ocel2_json,
    ".xmlocel": pm4py.read_ocel2_xml,
    ".sqlite": pm4py.read_ocel2_sqlite,
}
WRITE = {".xmlocel": pm4py.write_ocel2_xml, ".sqlite": pm4py.write_ocel2_sqlite}

path, *copies = sys.argv[1:]
if Path(path).suffix in READ:
    ocel = READ[Path(path).suffix](path)
    for copy in copies:
        WRITE[Path(copy).suffix](ocel, copy)
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
