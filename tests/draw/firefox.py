"""A Firefox without a window, spoken to by Marionette, its remote control: JSON over a socket, each with its length."""

from __future__ import annotations

import json
import socket
import subprocess
import time

START = 60.0
"""Seconds that it may take to start."""


class Firefox:
    """One tab of a new Firefox, whose files are in a folder."""

    def __init__(self, program, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        folder.mkdir()
        quiet = {"marionette.port": port, "datareporting.policy.dataSubmissionEnabled": False}
        quiet |= {"app.update.disabledForTesting": True, "browser.shell.checkDefaultBrowser": False}
        settings = "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in quiet.items())
        (folder / "user.js").write_text(settings, encoding="utf-8")
        arguments = ["--headless", "--no-remote", "--marionette", "--remote-allow-system-access", "--profile", folder]
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen([program, *arguments], stdout=nowhere, stderr=nowhere)
        self._sent, self._unread = 0, b""
        deadline = time.monotonic() + START
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=START)
                break
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.close()
                    raise
                time.sleep(0.2)
        self._read()  # it introduces itself
        self.ask("WebDriver:NewSession", capabilities={"alwaysMatch": {}})

    def ask(self, command, **parameters):
        """What it answers to a command.

        Raises:
            RuntimeError: with what it says went wrong.
        """
        self._sent += 1
        message = json.dumps([0, self._sent, command, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(message), message))
        _, _, error, answer = self._read()
        if error:
            raise RuntimeError(f"{command}: {error['message']}")
        return answer.get("value") if isinstance(answer, dict) and set(answer) == {"value"} else answer

    def _read(self):
        while b":" not in self._unread:
            self._more()
        length, _, self._unread = self._unread.partition(b":")
        while len(self._unread) < int(length):
            self._more()
        message, self._unread = self._unread[: int(length)], self._unread[int(length) :]
        return json.loads(message)

    def _more(self):
        found = self._socket.recv(1 << 16)
        if not found:
            raise ConnectionError("Firefox has gone")
        self._unread += found

    def goto(self, address, width=1200, height=700):
        """Open a page, in a window of this size."""
        self.ask("WebDriver:SetWindowRect", width=width, height=height)
        self.ask("WebDriver:Navigate", url=address)

    def evaluate(self, function, *arguments):
        """What a function in the page returns."""
        return self.ask("WebDriver:ExecuteScript", script=f"return ({function})(...arguments)", args=list(arguments))

    def press(self, *keys):
        """Press keys, by their names."""
        self.evaluate(
            """keys => keys.forEach(key => (document.activeElement ?? document.body).dispatchEvent(
              new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })))""",
            list(keys),
        )

    def said(self, about):
        """The errors and warnings about an address, and what its scripts wrote on the console."""
        self.ask("Marionette:SetContext", value="chrome")
        try:
            found = self.evaluate(
                """about => {
                  const kept = Components.classes['@mozilla.org/consoleAPI-storage;1'];
                  const written = kept.getService(Components.interfaces.nsIConsoleAPIStorage).getEvents();
                  const said = Services.console.getMessageArray();
                  return [
                    ...said.map(one => `${one.sourceName ?? ''}: ${one.errorMessage ?? one.message}`),
                    ...written.map(one => `${one.filename}: ${one.arguments}`),
                  ].filter(text => text.includes(about));
                }""",
                about,
            )
        finally:
            self.ask("Marionette:SetContext", value="content")
        return found

    def close(self):
        """End it."""
        if hasattr(self, "_socket"):
            self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
