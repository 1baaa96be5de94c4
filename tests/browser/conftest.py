"""A deployment with the embedded server's real analyst, its dashboards in a process of their own, and a headless Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from dashboards.serve import command
from tests.warehouse.dashboards import public_tables
from warehouse import embedded
from warehouse.client import connect
from warehouse.migrate import migrate
from warehouse.ports import free_port
from warehouse.settings import Settings

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",  # containers run as root, which Chromium's sandbox refuses
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

START_SECONDS = 60  # Streamlit imports pandas and Arrow first; a loaded machine takes a while
PAGE_MILLISECONDS = 60_000


@dataclass(frozen=True, kw_only=True)
class Site:
    """Dashboards that answer at `url`, of a deployment that tests may read through `settings`."""

    url: str
    settings: Settings


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The dashboards of the deployment of public_tables.py."""
    with _deployment(tmp_path_factory.mktemp("filled")) as settings:
        with contextlib.closing(connect(settings)) as client:
            public_tables.create(client, settings)
            public_tables.fill(client, settings)
        with _serving(settings) as url:
            yield Site(url=url, settings=settings)


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The dashboards of a deployment where nothing has ever run."""
    with _deployment(tmp_path_factory.mktemp("empty")) as settings, _serving(settings) as url:
        yield Site(url=url, settings=settings)


@pytest.fixture(scope="module")  # while it lives its event loop runs, and no other test of this process can run one
def browser() -> Iterator[BrowserContext]:
    """Headless Chromium, with one cache for all pages. Without one the tests are left out, but not in CI: there it would hide them."""
    if shutil.which(CHROMIUM) is None:
        reason = f"{CHROMIUM} is not installed; install Debian's package chromium to run the browser tests"
        if os.environ.get("CI") == "true":  # noqa: TID251 - a fact about the machine, not a setting of the product
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        context = opened.new_context(viewport={"width": 1360, "height": 1200})
        context.set_default_timeout(PAGE_MILLISECONDS)
        yield context
        opened.close()


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """A page of its own. At its end, the test fails if the page wrote an error or asked another server than ours for anything."""
    opened = browser.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: None if _is_ours(request.url) else complaints.append(f"asked for {request.url}"))
    yield opened
    opened.close()
    assert complaints == []


def _is_ours(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


@contextlib.contextmanager
def _deployment(home: Path) -> Iterator[Settings]:
    settings = Settings(_env_file=None, home=home)  # type: ignore[call-arg]  # pydantic-settings' own argument
    embedded.start(home)
    try:
        with contextlib.closing(connect(settings)) as client:
            migrate(client, settings)
        yield settings
    finally:
        embedded.stop(home)


@contextlib.contextmanager
def _serving(settings: Settings) -> Iterator[str]:
    """Run the dashboards' own command until the block ends; no process is left behind."""
    port = free_port()
    log = settings.home / "dashboards.log"
    with pytest.MonkeyPatch.context() as environment, log.open("wb") as output:
        for name in ("CLICKHOUSE_URL", "DATABASE_PREFIX", "ANALYST_USER"):
            environment.delenv(f"METERHOUSE_{name}", raising=False)
        environment.setenv("METERHOUSE_HOME", str(settings.home))
        process = subprocess.Popen(command(port), stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=settings.home)
    try:
        _wait_until_ready(port, process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2),
        ):
            return
        time.sleep(0.1)
    pytest.fail(f"the dashboards did not start; the end of their log:\n{log.read_text()[-2000:]}")
