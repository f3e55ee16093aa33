"""JupyterLab on this computer, a notebook open in the browser, and what its kernel says."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, WebSocket

HERE = "127.0.0.1"
BROWSERS = ("chromium-headless-shell", "chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 180
"""How long anything may take before the test fails; a busy machine is slow."""

MS = SECONDS * 1000
SHOTS = Path(__file__).parent.parent.parent / "test-output" / "browser"

_OPTIONS = (
    "--no-browser",
    f"--ServerApp.ip={HERE}",
    "--ServerApp.port=0",
    "--LabApp.expose_app_in_browser=True",
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--FileContentsManager.delete_to_trash=False",
)
_QUIET = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
_ENDS = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR", "LAB_SETTINGS_DIR", "LAB_WORKSPACES_DIR")
_BENIGN = ("No such comm",)  # Lab greets ipywidgets before a cell has imported it


def find_browser() -> str | None:
    """Return the path of the system's Chromium, None if there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


# --- the server ---------------------------------------------------------------------------------


class Server:
    """JupyterLab on a free port, with settings that nobody else has.

    Parameters
    ----------
    root
        The folder it serves.
    scratch
        Where its settings go.
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root
        self.token = secrets.token_hex(16)
        self._runtime = scratch / "RUNTIME_DIR"
        self._log = scratch / "server.log"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
        for end in _ENDS:
            (scratch / end).mkdir(parents=True)
            name = f"JUPYTER{end}" if end.startswith("LAB") else f"JUPYTER_{end}"
            environment[name] = str(scratch / end)
        environment["IPYTHONDIR"] = str(scratch / "ipython")
        settings = scratch / "LAB_SETTINGS_DIR" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(_QUIET))
        command = [sys.executable, "-m", "jupyterlab", *_OPTIONS]
        if os.geteuid() == 0:
            command.append("--allow-root")  # as in a container that continuous integration uses
        command += [f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={root}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=root, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self.url = self._wait()

    def _wait(self) -> str:
        """Wait until it answers; return its address."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            for file in self._runtime.glob("jpserver-*.json"):
                with suppress(OSError, ValueError):  # half written, or not listening yet
                    url = f"http://{HERE}:{json.loads(file.read_text())['port']}/"
                    self._request("GET", f"{url}api/status")
                    return url
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"JupyterLab did not start:\n{self._log.read_text()}")

    def _request(self, method: str, url: str) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(url, method=method, headers=headers)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=SECONDS) as answer:
            return json.loads(answer.read() or b"null")

    def end_kernels(self) -> None:
        """End every kernel."""
        for session in self._request("GET", f"{self.url}api/sessions"):
            self._request("DELETE", f"{self.url}api/sessions/{session['id']}")
        for kernel in self._request("GET", f"{self.url}api/kernels"):
            self._request("DELETE", f"{self.url}api/kernels/{kernel['id']}")

    def stop(self) -> None:
        """End the server and whatever it has started."""
        started = list(_children(self._process.pid))
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid, born in started:
            if _born(pid) == born:  # still the same process, not another under its number
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _stat(pid: int) -> list[str]:
    """Return what Linux says of a process, from its state on; empty if there is none."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _born(pid: int) -> str:
    return (_stat(pid) or [""] * 20)[19]


def _children(pid: int) -> Iterator[tuple[int, str]]:
    """Yield the processes below one, each with when it was born."""
    for entry in Path("/proc").glob("[0-9]*"):
        child = int(entry.name)
        if (_stat(child) or ["", ""])[1] == str(pid):
            yield child, _born(child)
            yield from _children(child)


# --- a notebook in the browser ------------------------------------------------------------------

_PANEL = """
const panel = [...window.jupyterapp.shell.widgets('main')].find(w => w.context?.path === path);
"""
_READY = f"""async path => {{
  await window.jupyterapp.restored;
  let left = {MS};
  for (;;) {{
    {_PANEL}
    if (panel) {{
      await panel.context.ready;
      await panel.revealed;
      await panel.sessionContext.ready;
      await panel.sessionContext.session.kernel.info;
      return;
    }}
    left -= 50;
    if (left < 0) throw new Error('no panel of ' + path);
    await new Promise(go => setTimeout(go, 50));
  }}
}}"""
_DONE = f"""path => {{
  {_PANEL}
  const cells = panel.content.widgets.map(w => w.model)
    .filter(m => m.type === 'code' && m.sharedModel.source.trim());
  const failed = cells.some(m => m.toJSON().outputs.some(o => o.output_type === 'error'));
  return failed || cells.every(m => m.executionCount && m.executionState !== 'running');
}}"""
_ASK = f"""async ([path, code]) => {{
  {_PANEL}
  const future = panel.sessionContext.session.kernel.requestExecute(
    {{code, store_history: false, silent: false}});
  let said = '';
  future.onIOPub = m => {{ if (m.header.msg_type === 'stream') said += m.content.text; }};
  await future.done;
  return said;
}}"""
_SETTLED = """() => Promise.all([...document.images].map(i => i.decode().catch(() => 0)))
  .then(() => new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go))))"""


class Notebook:
    """A notebook open in JupyterLab.

    Attributes
    ----------
    faults
        What went wrong in the kernel, in the page, or on the way out of this computer.
    """

    def __init__(self, page: Page, path: str) -> None:
        self.page, self.path = page, path
        self.faults: list[str] = []
        page.set_default_timeout(MS)
        page.on("websocket", self._listen)
        page.on("request", lambda request: self._check(request.url))
        page.on("pageerror", lambda error: self.faults.append(f"page: {error}"))

    def _listen(self, socket: WebSocket) -> None:
        self._check(socket.url)
        if "/channels" in socket.url:
            socket.on("framereceived", self._hear)

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != HERE:
            self.faults.append(f"asked for {url}")

    def _hear(self, frame: str | bytes) -> None:
        fault = fault_in(frame)
        if fault:
            self.faults.append(fault)

    def run_all(self) -> None:
        """Press *Run All Cells* and wait until the last cell is done."""
        self.page.locator(".lm-MenuBar-item", has_text="Run").click()
        self.page.locator(".lm-Menu-item[data-command='runmenu:run-all']").click()
        self.page.wait_for_function(_DONE, arg=self.path)

    def ask(self, expression: str) -> Any:
        """Return the value of an expression in the notebook's kernel, as JSON has it."""
        code = f"import json; print(json.dumps({expression}, default=str))"
        return json.loads(self.page.evaluate(_ASK, [self.path, code]))

    def until(self, expression: str) -> None:
        """Wait until an expression is true in the notebook's kernel."""
        end = time.monotonic() + SECONDS
        while not self.ask(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            self.page.wait_for_timeout(50)

    def wait_for_fault(self, words: str) -> None:
        """Wait until something went wrong in these words."""
        end = time.monotonic() + SECONDS
        while not any(words in fault for fault in self.faults):
            assert time.monotonic() < end, f"not among the faults: {words}"
            self.page.wait_for_timeout(50)

    def theme(self, name: str) -> None:
        """Choose a theme of JupyterLab."""
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
            name,
        )
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def alone(self) -> None:
        """Fold the file browser away, as one does to have room."""
        self.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")

    def panel(self, index: int = 0) -> Locator:
        """Return the outermost panel that a cell shows: not the source code beside it."""
        return self.page.locator(".jp-OutputArea-output > .sessim-panel").nth(index)

    def shot(self, name: str, of: Locator | None = None) -> Path:
        """Keep a picture of the page, or of a part of it."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.evaluate(_SETTLED)
        file = SHOTS / f"{name}.png"
        (of or self.page).screenshot(path=file)
        return file


@contextmanager
def opened(browser: Browser, server: Server, path: str, width: int = 1280) -> Iterator[Notebook]:
    """Open a notebook; when all is done, fail if anything went wrong on the way."""
    context = browser.new_context(viewport={"width": width, "height": 1000})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    notebook = Notebook(context.new_page(), path)
    try:
        address = f"{server.url}lab/tree/{quote(path)}?reset&token={server.token}"
        notebook.page.goto(address)
        notebook.page.wait_for_function("() => window.jupyterapp")
        notebook.page.evaluate(_READY, path)
        yield notebook
        assert notebook.faults == []
    except BaseException:
        with suppress(Exception):
            notebook.shot(f"failed-{Path(path).stem}-{width}")
        raise
    finally:
        context.close()
        server.end_kernels()


# --- what the kernel says -----------------------------------------------------------------------


def fault_in(frame: str | bytes) -> str:
    """Return what a message of the kernel reports as failed, empty if nothing."""
    if isinstance(frame, str):
        message = json.loads(frame)
        kind, content = message["header"]["msg_type"], message["content"]
    else:
        kind, content = _unpack(frame)
    if kind == "error":
        return "\n".join(content["traceback"]) or f"{content['ename']}: {content['evalue']}"
    if kind == "stream" and content["name"] == "stderr":
        said = str(content["text"])
        return "" if any(words in said for words in _BENIGN) else said
    outputs = content.get("data", {}).get("state", {}).get("outputs", ()) if _comm(kind) else ()
    return next((str(out) for out in outputs if out["output_type"] == "error"), "")


def _comm(kind: str) -> bool:
    return kind in ("comm_msg", "comm_open")


def _unpack(frame: bytes) -> tuple[str, Any]:
    """Read a message in the binary protocol: how many offsets, the offsets, the parts."""
    count = struct.unpack_from("<Q", frame)[0]
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    header, _, _, content = (json.loads(frame[offsets[i] : offsets[i + 1]]) for i in range(1, 5))
    return header["msg_type"], content
