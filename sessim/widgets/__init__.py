"""The panels for JupyterLab: build tasks, see the console, chart throughput, pauses, backlog."""
