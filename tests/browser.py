"""A headless Chromium, spoken to in the W3C's WebDriver protocol with nothing but `urllib`."""

import json
import shutil
import subprocess
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
IS_INSTALLED = bool(BROWSER and DRIVER)

OPTIONS = {
    "browserName": "chrome",
    "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    "goog:chromeOptions": {
        "binary": BROWSER,
        # a container may have no user namespaces and little shared memory
        "args": ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    },
}


class Browser:
    """A browser window."""

    def __init__(self, session: str) -> None:
        self._session = session

    def resize(self, width: int, height: int = 900) -> None:
        """Give the window another size; a narrow one is that of a phone."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def open(self, page: Path) -> None:
        """Show a file."""
        _post(f"{self._session}/url", {"url": page.resolve().as_uri()})

    def run(self, script: str) -> object:
        """What a function body in JavaScript returns."""
        return _post(f"{self._session}/execute/sync", {"script": script, "args": []})

    def press(self, selector: str, keys: str) -> None:
        """Press keys while an element has the focus."""
        found = _post(f"{self._session}/element", {"using": "css selector", "value": selector})
        (element,) = found.values()
        _post(f"{self._session}/element/{element}/value", {"text": keys})

    def command(self, name: str, **parameters: object) -> dict:
        """Do what only Chromium's own protocol can do."""
        return _post(f"{self._session}/goog/cdp/execute", {"cmd": name, "params": parameters})

    def show_as(self, *, media: str = "screen", scheme: str = "light") -> None:
        """Behave as on this medium with this colour scheme."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", media=media, features=features)

    def screenshot(self, path: Path) -> None:
        """Keep a picture of the whole page."""
        answer = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(b64decode(answer["data"]))

    def complaints(self) -> list[str]:
        """Everything in the console since the last question."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """Addresses asked for since the last question."""
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def _log(self, kind: str) -> list[dict]:
        return _post(f"{self._session}/se/log", {"type": kind})


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser of its own, closed at the end."""
    with subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        try:
            started = next(line for line in driver.stdout if "started successfully" in line)
            port = started.rpartition("port ")[2].strip(".\n")
            address = f"http://127.0.0.1:{port}/session"
            created = _post(address, {"capabilities": {"alwaysMatch": OPTIONS}})
            session = f"{address}/{created['sessionId']}"
            try:
                yield Browser(session)
            finally:
                urllib.request.urlopen(urllib.request.Request(session, method="DELETE")).close()
        finally:
            driver.terminate()


def _post(address: str, body: dict) -> object:
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["value"]
